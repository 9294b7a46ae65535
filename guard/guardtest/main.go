package guardtest

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
)

// Main runs the tests of a package and exits: with their code, or with 1 where
// they pass and goroutines are left. Call it in TestMain:
//
//	func TestMain(m *testing.M) { guardtest.Main(m) }
//
// It says of each goroutine which test started it: it labels the tests, benchmarks,
// examples and fuzz targets that it runs, and calls of [VerifyNone] label more
// finely. Goroutines without a label are named by the test function that is on
// their stack or among their creators, else they are said to be unattributed.
// What ran before the tests does not count.
//
// What is left is judged by goleak, too, with the options that [WithGoleak] gives.
// It stops the world and takes up to 450 ms, so it is asked only where something
// is left. As with goleak, nothing is counted where a test has failed: such
// tests often leave things behind. An option that cannot be used exits with 2
// before the tests run.
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
	pprof.SetGoroutineLabels(context.Background()) // a TestingM of its own may have run tests here

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
	for _, l := range leaks {
		n += l.count
		if l.startedBy() == "" {
			unknown += l.count
		}
	}
	if unknown > 0 {
		notes = append(notes, fmt.Sprintf("%s unattributed: begun by a timer or finalizer, or by code that sets labels of its own, while several tests ran.", isIn(unknown)))
	}
	return report{
		title:  fmt.Sprintf("the tests pass, but %s left behind, still there %s the last of them", isIn(n), f.after()),
		leaks:  leaks,
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
