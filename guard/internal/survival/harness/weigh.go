//go:build linux

package harness

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
)

// weighHeap records what a heap profile says about the culprit.
func (e *Evidence) weighHeap(p, base *profile.Profile) {
	now, err := inuse(p)
	if err != nil {
		e.Fault = err.Error()
		return
	}
	e.Blamed = now.blamed
	switch {
	case e.Leaked == 0:
		e.Fault = "taken before anything had leaked"
		return
	case e.Blamed*2 < e.Leaked:
		e.Fault = fmt.Sprintf("attributes only %.0f%% of what had leaked", 100*e.Share())
		return
	case base == nil:
		e.Fault = "there is no intact baseline to compare it with"
		return
	}
	before, err := inuse(base)
	if err != nil {
		e.Fault = "baseline: " + err.Error()
		return
	}
	for f, n := range before.flat {
		now.flat[f] -= n
	}
	functions := make([]string, 0, len(now.flat))
	for f := range now.flat {
		functions = append(functions, f)
	}
	slices.SortFunc(functions, func(a, b string) int {
		if now.flat[a] != now.flat[b] {
			if now.flat[a] > now.flat[b] {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	e.First = functions[0]
	if !now.culprits[e.First] {
		e.Fault = fmt.Sprintf("the difference from the baseline ranks %s first (%+d MiB)", e.First, now.flat[e.First]>>20)
	}
}

// weighGoroutines records what a goroutine profile says about the culprit.
func (e *Evidence) weighGoroutines(p *profile.Profile) {
	var all int64
	for _, s := range p.Sample {
		all += s.Value[0]
		if blames(s) {
			e.Blamed += s.Value[0]
		}
	}
	switch {
	case e.Leaked == 0:
		e.Fault = "taken before anything had leaked"
	case e.Blamed*2 < all || e.Blamed == 0:
		e.Fault = fmt.Sprintf("only %d of its %d goroutines are the culprit's", e.Blamed, all)
	}
}

// heap is the memory in use according to a profile, in bytes.
type heap struct {
	flat     map[string]int64 // by the leaf-most function outside the runtime
	culprits map[string]bool  // those of them that are the culprit or that it called
	blamed   int64            // with the culprit anywhere on the stack
}

func inuse(p *profile.Profile) (heap, error) {
	h := heap{flat: map[string]int64{}, culprits: map[string]bool{}}
	i := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == "inuse_space" })
	if i < 0 {
		return h, fmt.Errorf("not a heap profile: it has no inuse_space")
	}
	for _, s := range p.Sample {
		f := userFunction(s)
		h.flat[f] += s.Value[i]
		if blames(s) {
			h.blamed += s.Value[i]
			h.culprits[f] = true
		}
	}
	return h, nil
}

// blames reports whether the culprit is anywhere on the stack of s.
func blames(s *profile.Sample) bool {
	for _, l := range s.Location {
		for _, line := range l.Line {
			if name := line.Function.Name; name == Culprit || strings.HasPrefix(name, Culprit+".func") {
				return true
			}
		}
	}
	return false
}

// userFunction returns the leaf-most function of s outside the runtime.
func userFunction(s *profile.Sample) string {
	for _, l := range s.Location {
		for _, line := range l.Line {
			name := line.Function.Name
			if !strings.HasPrefix(name, "runtime.") && !strings.HasPrefix(name, "internal/runtime/") {
				return name
			}
		}
	}
	return "runtime"
}
