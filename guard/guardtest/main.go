package guardtest

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
)

// Main runs the tests of a package and exits with their code, or with 1 if they
// pass but goroutines are left. Call it in TestMain:
//
//	func TestMain(m *testing.M) { guardtest.Main(m) }
//
// It names the test that started each goroutine. To this end it labels the tests,
// benchmarks, examples and fuzz targets that it runs; calls of [VerifyNone] label
// in more detail. For a goroutine without a label it names the test function on its
// stack or among its creators, or reports it as unattributed. Goroutines that
// existed before the tests do not count.
//
// goleak also judges what is left, with the options of [WithGoleak]; only
// goroutines that both find are reported. goleak stops the world and takes up to
// 450 ms, so Main asks it only if something is left. Like goleak, Main counts
// nothing if a test has failed, because failed tests often leave things behind. If
// an option cannot be used, Main exits with 2 before the tests run.
func Main(m TestingM, opts ...Option) {
	os.Exit(runMain(m, os.Stderr, &tests, opts...))
}

func runMain(m TestingM, stderr io.Writer, r *registry, opts ...Option) (code int) {
	o, err := buildOptions(forMain, opts)
	if err == nil {
		err = refuseGoleakCleanup(o.goleak)
	}
	if err != nil {
		fmt.Fprintf(stderr, "guardtest: %v\n", err)
		return 2
	}
	if o.fullMemProfile {
		runtime.MemProfileRate = 1
	}
	base, err := takeBaseline()
	if err != nil {
		fmt.Fprintf(stderr, "guardtest: Main: %v\n", err)
		return 2
	}
	labelTests(m)
	if code = m.Run(); code != 0 {
		return code
	}
	r.end()
	pprof.SetGoroutineLabels(context.Background()) // a custom TestingM may have run tests on this goroutine

	left, err := finder{o, func(all goroutines) []*group {
		mine := base.newcomers(all, 0)
		for _, g := range all.groups {
			if g.test != "" {
				mine = append(mine, g)
			}
		}
		return mine
	}}.find()
	if err != nil {
		fmt.Fprintf(stderr, "guardtest: Main: %v\n", err)
		return 1
	}
	if len(left.groups) == 0 {
		return 0
	}
	findCreators(left.groups, left.total)
	var notes []string
	left.groups, notes = askGoleak(left.groups, o.goleak)
	if len(left.groups) == 0 {
		return 0
	}
	fmt.Fprintf(stderr, "guardtest: %v\n", left.ofPackage(notes))
	return 1
}

func (f found) ofPackage(notes []string) report {
	n, unknown := 0, 0
	leaks := f.leaks(proven())
	for i, l := range leaks {
		n += l.count
		by := l.startedBy()
		if by == "" {
			unknown += l.count
		}
		if by != "" {
			leaks[i].tests = l.group.subtestsOf(by)
		}
	}
	if unknown > 0 {
		notes = append(notes, fmt.Sprintf("%s unattributed: started by a timer, a finalizer or code that sets its own labels while several tests ran.", isIn(unknown)))
	}
	return report{
		title:  fmt.Sprintf("the tests pass, but %s left behind, still there %s the last of them ended", isIn(n), f.since()),
		leaks:  byPlace(leaks),
		notes:  notes,
		byTest: true,
	}
}

func isIn(n int) string {
	if n == 1 {
		return "1 goroutine is"
	}
	return fmt.Sprintf("%d goroutines are", n)
}
