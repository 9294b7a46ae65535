package guardtest

import (
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"testing"
)

// VerifyNone fails the test if goroutines that it started, directly or indirectly,
// are left when it has ended. Call it at the top of a test or subtest, but after
// t.Parallel.
func VerifyNone(t TestingT, opts ...Option) {
	t.Helper()
	o, err := buildOptions(forVerifyNone, opts)
	if err == nil {
		if err = begin(t, o); err != nil {
			err = fmt.Errorf("VerifyNone: %w", err)
		}
	}
	if err != nil {
		t.Errorf("guardtest: %v", err)
	}
}

// begin takes the snapshot and registers the check.
func begin(t TestingT, o options) error {
	t.Helper()
	site, err := findCallSite(t, 3)
	if err != nil {
		return err
	}
	if site.bubble {
		// The bubble waits for its goroutines itself and panics if one is stuck. In the
		// bubble, waiting would advance its clock, and so the tested code's.
		return nil
	}
	a := enter(t)
	if err := a.check(site.function); err != nil {
		a.leave()
		return err
	}
	if runtime.NumGoroutine() <= mostInBaseline {
		if a.base, err = takeBaseline(); err != nil {
			a.leave()
			return err
		}
	}
	v := &verification{t: t, o: o, activity: a, label: labelOf(a.name, a.number)}
	setLabel(a.name, a.number)
	t.Cleanup(v.end)
	return nil
}

// verification is one call of VerifyNone.
type verification struct {
	t        TestingT
	o        options
	activity *activity
	label    string
}

// end is the test's Cleanup.
func (v *verification) end() {
	v.t.Helper()
	defer v.leave()
	setLabel(v.activity.name, v.activity.number) // the test may have set others
	if !labelled(v.label) && (v.activity.base == nil || !v.activity.base.grown()) {
		return
	}
	left, err := finder{v.o, v.mine}.find()
	if err != nil {
		v.t.Errorf("guardtest: VerifyNone: %v", err)
		return
	}
	if len(left.groups) == 0 {
		return
	}
	v.activity.blame(left.groups)
	v.t.Errorf("guardtest: %v", v.report(left))
}

func (v *verification) leave() {
	v.activity.leave()
	if _, real := v.t.(testing.TB); !real {
		// The goroutine may live on and start goroutines that are no longer this
		// test's.
		pprof.SetGoroutineLabels(context.Background())
	}
}

// mine returns the goroutines that this test is blamed for: those with its label,
// and the new ones without a label that no other test can have started.
func (v *verification) mine(all goroutines) (mine []*group) {
	for _, g := range all.groups {
		if g.test == v.label {
			mine = append(mine, g)
		}
	}
	news := v.activity.base.newcomers(all, v.activity.number)
	if len(news) == 0 {
		return mine
	}
	alone := v.activity.concurrent() == "" && !testRuns(all)
	for _, g := range news {
		if alone || !v.activity.shared() && g.inside(v.activity.function) {
			mine = append(mine, g)
		}
	}
	return mine
}

func (v *verification) report(left found) report {
	findCreators(left.groups, left.total)
	n, unlabelled := 0, 0
	for _, g := range left.groups {
		n += g.count
		if g.test == "" {
			unlabelled += g.count
		}
	}
	r := report{
		title: fmt.Sprintf("%s left %s behind, still there %s it ended", v.activity.name, goroutinesIn(n), left.since()),
		leaks: left.leaks(proven()),
	}
	if unlabelled > 0 {
		r.notes = append(r.notes, fmt.Sprintf("%s no label: timers, finalizers and code that sets its own labels start such goroutines. No other test ran at the same time, so only a timer of an earlier test could also have started %s.",
			some(unlabelled, n), map[bool]string{true: "it", false: "them"}[unlabelled == 1]))
	}
	return r
}

// some begins a sentence about m of n goroutines.
func some(m, n int) string {
	switch {
	case n == 1:
		return "The goroutine has"
	case m == n:
		return "The goroutines have"
	case m == 1:
		return "One of the goroutines has"
	}
	return fmt.Sprintf("%d of the goroutines have", m)
}
