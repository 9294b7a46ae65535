package guard

import (
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile/incident"
)

func TestBoxRests(t *testing.T) {
	var p boxPace
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for i, tt := range []struct {
		took time.Duration
		err  error
		want time.Duration
	}{
		{time.Millisecond, nil, 0},
		{200 * time.Millisecond, nil, 2 * time.Second}, // it may only have had no CPU
		{time.Millisecond, nil, 0},
		{200 * time.Millisecond, nil, 2 * time.Second},
		{200 * time.Millisecond, nil, 4 * time.Second}, // it is the disk
		{200 * time.Millisecond, nil, 8 * time.Second},
		{200 * time.Millisecond, nil, 16 * time.Second},
		{200 * time.Millisecond, nil, 20 * time.Second}, // 1%
		{200 * time.Millisecond, nil, 20 * time.Second},
		{time.Hour, nil, 10 * time.Minute},
		{time.Millisecond, nil, 0},
		{time.Millisecond, ErrBusy, time.Minute},
		{time.Second, ErrBusy, 10 * time.Second},
	} {
		if got := p.wrote(now, tt.took, tt.err); got != tt.want {
			t.Errorf("%d: %v, %v: rests %v, want %v", i, tt.took, tt.err, got, tt.want)
		}
		end := now.Add(tt.took)
		if tt.want > 0 && (p.due(end.Add(tt.want-1), false) || !p.due(end.Add(tt.want), false)) {
			t.Errorf("%d: it does not rest for %v", i, tt.want)
		}
		now = end.Add(tt.want)
	}
}

// One write of 100 ms silenced the box for 10 s, in which the process died.
func TestBoxDoesNotRestNearTheLimit(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		took time.Duration
		err  error
		near time.Duration
	}{
		{100 * time.Millisecond, nil, 100 * time.Millisecond},
		{20 * time.Second, nil, time.Second}, // reclaim, or no CPU: the next one may be fast
		{time.Millisecond, ErrBusy, time.Second},
	} {
		var p boxPace
		p.wrote(now, tt.took, tt.err)
		end := now.Add(tt.took)
		if p.due(end.Add(tt.near-1), true) || !p.due(end.Add(tt.near), true) || p.due(end.Add(tt.near), false) {
			t.Errorf("%v, %v: want a rest of %v near the limit", tt.took, tt.err, tt.near)
		}
	}
	r := incident.NewReading(now)
	if r.Limit, r.Unreclaimable = 100, 81; !nearLimit(&r) {
		t.Error("81% is near")
	}
	if r.Unreclaimable = 80; nearLimit(&r) {
		t.Error("80% is not near")
	}
	if r.CgroupHigh, r.CgroupHighMemory = 64, 60; !nearLimit(&r) {
		t.Error("60 of 64 at which the kernel throttles are near")
	}
	if unknown := incident.NewReading(now); nearLimit(&unknown) {
		t.Error("an unknown limit is near")
	}
}
