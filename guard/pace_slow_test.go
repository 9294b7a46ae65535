package guard

import (
	"testing"
	"time"
)

// A leak of 10 MiB/s towards a near limit is looked at often, also after two
// readings at once (a timer and the end of a GC cycle) and after one in which
// nothing moved: the short window alone shows no growth then.
func TestPaceOfASlowLeak(t *testing.T) {
	for _, test := range []struct {
		name  string
		after time.Duration // the last reading, after the one before
		bytes int64
	}{
		{"two readings at once", 70 * time.Microsecond, 0},
		{"nothing moved for 6 ms", 6 * time.Millisecond, 0},
		{"as before", 70 * time.Millisecond, 10 * mib * 7 / 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			var g growth
			at, bytes := time.Duration(0), int64(20*mib)
			for range 40 {
				at += 70 * time.Millisecond
				bytes += 10 * mib * 7 / 100
				g.add(point{at: at, cpu: -1, bytes: bytes})
			}
			at += test.after
			bytes += test.bytes
			g.add(point{at: at, cpu: -1, bytes: bytes})
			v := view{at: at, headroom: 10 * mib, growth: &g, live: &g, alloc: &g}
			if p := nextPace(&v, time.Second, 0, true); p.wall > 100*time.Millisecond {
				t.Errorf("a second before the limit, next look after %v", p.wall)
			}
		})
	}
}
