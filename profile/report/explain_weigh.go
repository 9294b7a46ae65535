package report

import (
	"fmt"
	"slices"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// leastPerGoroutine is what a parked goroutine costs at least, with its stack.
const leastPerGoroutine = 8 << 10

// weighGoroutines lowers the confidence in goroutines that can hold only a small part of
// the memory that grew. A service under more load has more of them, too.
func weighGoroutines(r *Report) {
	if r.Heap == nil || r.Manifest.Unit == profile.UnitCount || r.Manifest.ID != "" && r.Manifest.Unit != profile.UnitBytes && r.Manifest.Trigger == incident.TriggerRule {
		return
	}
	grown := r.Heap.Total.Growth() + r.unseen()
	if grown < 8<<20 {
		return
	}
	for i := range r.Suspects {
		s := &r.Suspects[i]
		if s.Unit != profile.UnitCount || s.Proven || s.Confidence >= confidenceFlagged || s.Value.Growth() <= 0 {
			continue
		}
		part := float64(s.Value.Growth()) * r.bytesPerGoroutine()
		p := proportionOf(r.Manifest, s.Value.Growth())
		for _, h := range r.Suspects {
			if h.Unit == profile.UnitBytes && h.Value.Growth() > 0 && (h.Frame.Function == s.Frame.Function || len(relation(r, *s, h, p)) > 0) {
				part += float64(h.Value.Growth())
			}
		}
		if share := part / float64(grown); share < leastExplained {
			s.Confidence *= max(0.3, share/leastExplained)
			s.Reasons = append(s.Reasons, fmt.Sprintf("holds only about %v of the %v that the heap grew", profile.Bytes(part), profile.Bytes(grown)))
		}
	}
}

// bytesPerGoroutine is what a goroutine costs on average with its stack, or what a parked
// one costs at least if that is unknown.
func (r *Report) bytesPerGoroutine() float64 {
	for _, p := range slices.Backward(r.Manifest.Readings) {
		if p.Goroutines > 0 && p.StackInuse.Known() {
			return max(leastPerGoroutine, float64(p.StackInuse)/float64(p.Goroutines))
		}
	}
	return leastPerGoroutine
}

const (
	// leastExplained is the part of the memory's growth that goroutines must explain to be
	// as likely as they look.
	leastExplained = 0.15
	// confidenceFlagged is that of goroutines that the census has watched for hours.
	confidenceFlagged = 0.9
)

// stackFunctions allocate the descriptors and stacks of goroutines: their growth is that
// of the goroutines.
var stackFunctions = map[string]bool{"runtime.malg": true, "runtime.newproc1": true, "runtime.allgadd": true, "runtime.stackalloc": true, "runtime.newproc.func1": true}

// demoteStacks says what the runtime's own sites are, and never accuses them.
func demoteStacks(r *Report) {
	for i := range r.Suspects {
		if s := &r.Suspects[i]; s.Unit == profile.UnitBytes && stackFunctions[s.Frame.Function] {
			s.Confidence = min(s.Confidence*0.1, 0.2)
			testify(s, "these are the descriptors and stacks of goroutines: look at the goroutines")
		}
	}
}
