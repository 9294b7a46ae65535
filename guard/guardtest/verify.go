package guardtest

import (
	"context"
	"fmt"
	"runtime/pprof"
	"strings"
	"time"
)

// VerifyNone fails the test if goroutines that it started, directly or through
// others, are left when it has ended. Call it at the top of a test or subtest,
// after t.Parallel where that is called.
func VerifyNone(t TestingT, opts ...Option) {
	t.Helper()
	o, err := buildOptions(forVerifyNone, opts)
	if err != nil {
		t.Errorf("guardtest: %v", err)
		return
	}
	a := enter(t)
	label := fmt.Sprintf("%s#%d", a.name, a.number)
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels(labelKey, label)))
	t.Cleanup(func() {
		t.Helper()
		defer a.leave()
		left, err := waitForNone(o, func(g *group) bool { return g.test == label })
		switch {
		case err != nil:
			t.Errorf("guardtest: VerifyNone: %v", err)
		case len(left) > 0:
			t.Errorf("guardtest: %s", describe(left))
		}
	})
}

// waitForNone returns the goroutines that are left when the patience has ended.
func waitForNone(o options, mine func(*group) bool) (left []*group, err error) {
	deadline := time.Now().Add(o.patience)
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 100*time.Millisecond) {
		all, err := readGoroutines()
		if err != nil {
			return nil, err
		}
		left = left[:0]
		for _, g := range all.groups {
			if mine(g) && !g.own() && !o.ignores(g) {
				left = append(left, g)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return left, nil
		}
		time.Sleep(pause)
	}
}

func (o *options) ignores(g *group) bool {
	for _, rule := range o.ignore {
		if rule(g) {
			return true
		}
	}
	return false
}

func describe(left []*group) string {
	var b strings.Builder
	n := 0
	for _, g := range left {
		n += g.count
	}
	fmt.Fprintf(&b, "%d goroutines are left:", n)
	for _, g := range left {
		fmt.Fprintf(&b, "\n  %d in %s at %s:%d", g.count, g.wait, g.stack[g.blocked].Function, g.stack[g.blocked].Line)
	}
	return b.String()
}
