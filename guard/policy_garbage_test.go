package guard

import (
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// emergency is the default rule of time.
var emergency = Rule{Name: "time-to-limit", Signal: Memory, Line: TimeToLimit(250 * time.Millisecond), Floor: ShareOfLimit(0.5)}

// allocating is a process of the given memory in MiB of which 400 live, that has
// allocated the given total.
func allocating(mem, total int64) func(*incident.Reading) {
	return func(r *incident.Reading) {
		memory(mem)(r)
		r.HeapLive, r.HeapAlloc, r.StackInuse = 400*mib, profile.Bytes(mem-10)*mib, 0
		r.TotalAlloc = profile.Bytes(total * mib)
		r.NumGC = 1
	}
}

// A leak that takes the place of garbage does not show in Memory, so what is
// allocated is suspected; only a GC tells, so without one it is not.
func TestWhatIsAllocatedIsSuspected(t *testing.T) {
	for _, canJudge := range []bool{true, false} {
		tl := newTimeline(t, limit1000, emergency)
		tl.obs.view.canJudge = canJudge
		tl.garbage = true
		did := tl.count(time.Second, 10*time.Millisecond, func(at time.Duration) func(*incident.Reading) {
			return allocating(800, int64(at/time.Millisecond)*10) // 10 GB/s
		})
		if suspected := did["suspect time-to-limit"] > 0; suspected != canJudge {
			t.Errorf("with a forced GC %v: %v", canJudge, did)
		}
		if did["open time-to-limit"] > 0 {
			t.Errorf("garbage opened an incident: %v", did)
		}
	}
}

// Once the leak has stopped the incident recovers, however much garbage is made.
func TestGarbageKeepsNoIncidentOpen(t *testing.T) {
	tl := newTimeline(t, limit1000, emergency)
	for at := time.Duration(0); at <= 200*time.Millisecond; at += 10 * time.Millisecond {
		n := int64(at / time.Millisecond)
		tl.look(at, allocating(500+2*n, 2*n)) // 2 GB/s
	}
	if !tl.watch.rules[0].open {
		t.Fatalf("2 GB/s towards the limit opened nothing: %s", tl.watch.rules[0].decision)
	}
	tl.garbage = true
	did := tl.count(2*time.Minute, 10*time.Millisecond, func(at time.Duration) func(*incident.Reading) {
		return allocating(900, 400+int64(at/time.Millisecond)*10) // 10 GB/s
	})
	if did["recover time-to-limit"] != 1 || tl.watch.rules[0].open {
		t.Errorf("%v; open: %v; %s", did, tl.watch.rules[0].open, tl.watch.rules[0].decision)
	}
}
