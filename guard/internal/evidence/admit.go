package evidence

import (
	"fmt"

	"github.com/leakguard/leakguard/guard/internal/budget"
	"github.com/leakguard/leakguard/profile"
)

// Admit decides whether a capture, a census or an explanation may allocate the predicted
// number of bytes: at most a quarter of the headroom, so that the guard does not cause the
// kill itself, plus half of the free Go heap, which takes nothing from the kernel.
func Admit(headroom, free, predicted int64) (ok bool, why string) {
	if headroom < 0 {
		return true, ""
	}
	room := headroom/4 + max(free, 0)/2
	if predicted <= room {
		return true, ""
	}
	return false, fmt.Sprintf("it would allocate about %s, but may allocate only %s (a quarter of the headroom)", profile.Bytes(predicted), profile.Bytes(room))
}

// admit is Admit for this moment.
func (t *Taker) admit(predicted int64) (ok bool, why string) {
	// Read the free heap now: the GC cycle of this capture may have freed memory since
	// the loop's last reading.
	s := t.runtime.read()
	return Admit(t.gauge.headroom.Load(), s.HeapIdle-s.HeapReleased, predicted)
}

// predict predicts how many bytes a capture of the kind allocates now.
func (t *Taker) predict(kind profile.Kind) int64 {
	if depth := t.gauge.depth.Load(); depth > 0 && (kind == profile.Goroutine || kind == profile.GoroutineLeak) {
		return budget.PredictGoroutines(t.gauge.goroutines.Load(), float64(depth)/100)
	}
	return budget.PredictCapture(kind, t.gauge.reading())
}
