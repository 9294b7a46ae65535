package guard

import (
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// TestSuspicionOpensOneIncident: what is over the line beyond doubt while the
// evidence of a suspicion is still being taken is the same incident, not a
// second one.
func TestSuspicionOpensOneIncident(t *testing.T) {
	var g growth
	v := view{at: time.Second, headroom: profile.Unknown, growth: &g, live: &g, alloc: &g}
	v.values[Memory] = 200
	opened := func(w *watch) (n int) {
		for range 3 {
			v.at += 10 * time.Millisecond
			for _, a := range w.step(&v) {
				if a.do == openIncident {
					n++
				}
			}
		}
		return n
	}
	suspicious := func() *watch {
		w := newWatch([]Rule{{Name: "memory", Signal: Memory, Line: Absolute(100)}}, defaultCapturesPerHour)
		w.suspicion(0, &v)
		if n := opened(w); n != 0 {
			t.Errorf("%d incidents opened while the suspicion was examined, want none", n)
		}
		return w
	}

	w := suspicious()
	w.confirm(0)
	w.captureEnded(0, w.rules[0].capture, "id", w.rules[0].rule.Capture, v.at)
	if n := opened(w); n != 0 {
		t.Errorf("%d further incidents opened after the suspicion proved right, want none", n)
	}
	w = suspicious()
	w.refute(0, v.at)
	if n := opened(w); n != 1 {
		t.Errorf("%d incidents opened after the suspicion was refuted and the line crossed, want 1", n)
	}
}
