package evidence

import (
	"fmt"

	"github.com/leakguard/leakguard/profile"
)

// Admit decides whether a capture, a census or an explanation may allocate what it is predicted
// to: at most a quarter of the headroom (the guard is not the last straw), and
// half of what the Go heap holds free, which costs the kernel nothing.
func Admit(headroom, free, predicted int64) (ok bool, why string) {
	if headroom < 0 {
		return true, ""
	}
	room := headroom/4 + max(free, 0)/2
	if predicted <= room {
		return true, ""
	}
	return false, fmt.Sprintf("it would allocate about %s, there is room for %s (a quarter of the headroom)", profile.Bytes(predicted), profile.Bytes(room))
}

// admit is Admit for this moment.
func (t *Taker) admit(predicted int64) (ok bool, why string) {
	// What is free is read now: the GC cycle of this very capture may have
	// made room that the loop has not seen yet.
	s := t.runtime.read()
	return Admit(t.gauge.headroom.Load(), s.HeapIdle-s.HeapReleased, predicted)
}
