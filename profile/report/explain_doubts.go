package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
	"github.com/leakguard/leakguard/profile/incident"
)

// outside is the growth of memory outside the Go heap, as far as readings show
// it.
type outside struct {
	found        bool
	memory, heap int64 // growth of unreclaimable memory and of the live heap
	bytes        int64 // growth of memory that the Go heap does not explain
	span         time.Duration
}

// minOutside is the least growth outside the heap to report.
const minOutside = 32 << 20

// outsideHeap compares the growth of memory with that of the live heap. Garbage
// not yet collected lets memory grow by as much again as the live heap does
// (GOGC=100), and counts as heap. If the readings know how much memory the Go
// runtime took from the system, that replaces this guess.
func outsideHeap(m incident.Manifest) (o outside) {
	points := slices.DeleteFunc(history(m), func(h incident.HistoryPoint) bool { return !h.Memory.Known() || !h.LiveHeap.Known() })
	if len(points) < 2 {
		return o
	}
	first, last := points[0], points[len(points)-1]
	o.memory, o.heap = int64(last.Memory-first.Memory), int64(last.LiveHeap-first.LiveHeap)
	o.span = last.Time.Sub(first.Time)
	o.bytes = o.memory - 2*max(o.heap, 0)
	if n := len(m.Readings); n > 1 && len(m.History) == 0 {
		taken := func(r incident.Reading) (profile.Bytes, bool) {
			return r.Sys - r.HeapReleased, r.Sys.Known() && r.HeapReleased.Known()
		}
		a, okA := taken(m.Readings[0])
		b, okB := taken(m.Readings[n-1])
		if okA && okB {
			o.bytes = o.memory - max(int64(b-a), 0)
		}
	}
	o.found = o.bytes >= minOutside && 2*o.bytes > o.memory
	return o
}

// dominates reports whether growth of that size in the heap is a side issue.
func (o outside) dominates(growth int64) bool { return o.found && growth < o.bytes/2 }

func (o outside) sentence(heap string) string {
	text := fmt.Sprintf("memory outside %s grew by %v", heap, profile.Bytes(o.bytes))
	if o.span > 0 {
		text += " in " + words.Span(o.span)
	}
	if o.heap >= 0 {
		return text + fmt.Sprintf(", the live heap by %v", profile.Bytes(o.heap))
	}
	return text + fmt.Sprintf(", the live heap shrank by %v", profile.Bytes(-o.heap))
}

// doubts collects the reasons to doubt the report, each once.
func doubts(e Input, out outside) []string {
	var all []string
	add := func(texts ...string) {
		for _, text := range texts {
			if text != "" && !slices.Contains(all, text) {
				all = append(all, text)
			}
		}
	}
	m := e.Manifest
	if m.CutShort {
		add("the incident was cut short: the process died before it recorded the reason, the limits and the readings")
	}
	if out.found {
		add(out.sentence("the Go heap") + "; look at cgo, mmap, thread stacks and tmpfs, which no Go profile shows")
	}
	add(idleDoubts(m)...)
	add(cache(m)...)
	add(steps(m)...)
	add(e.Warnings...)
	for _, c := range []*diff.Comparison{e.Heap, e.Goroutine, e.CPU, e.GoroutineLeak} {
		if c != nil && !(c.Kind == profile.CPU && aboutIdle(m)) { // it never has a baseline, so that is no doubt
			add(c.Warnings...)
		}
	}
	add(m.Warnings...)
	if more := len(all) - maxDoubts; more > 0 {
		all = append(all[:maxDoubts:maxDoubts], fmt.Sprintf("%d more doubts omitted", more))
	}
	return all
}

// steps says which parts of the captures are missing or old.
func steps(m incident.Manifest) (doubts []string) {
	fresh := map[string]bool{}
	for _, c := range m.Captures {
		for _, s := range c.Steps {
			if s.Kind == profile.Heap && s.Outcome == incident.OutcomeWritten && !s.Stale && strings.HasPrefix(s.File, "heap-"+string(incident.VariantFresh)) {
				fresh[layout.FileName(profile.Heap.String(), string(incident.VariantCrossing), c.Seq)] = true
			}
		}
	}
	for _, c := range m.Captures {
		for _, s := range c.Steps {
			switch {
			case s.Outcome == incident.OutcomeWritten && s.Stale && s.Kind != profile.Heap:
				doubts = append(doubts, fmt.Sprintf("%s is older than the incident: %s", s.File, cmp.Or(s.Reason, "a newer one would have cost too much memory")))
			case s.Outcome == incident.OutcomeWritten && s.Stale && !fresh[s.File]:
				doubts = append(doubts, fmt.Sprintf("%s shows the heap at an earlier garbage collection: a fast leak is larger by now", s.File))
			case s.Outcome == incident.OutcomeSkipped, s.Outcome == incident.OutcomeFailed:
				text := fmt.Sprintf("%v: %s", s.Kind, s.Outcome)
				if c.Seq > 1 {
					text += fmt.Sprintf(" in capture %d", c.Seq)
				}
				if s.Reason != "" {
					text += ": " + s.Reason
				}
				doubts = append(doubts, text)
			}
		}
	}
	return doubts
}

// cache names memory that counts but that no objects of the program hold.
func cache(m incident.Manifest) (doubts []string) {
	if len(m.Readings) == 0 {
		return nil
	}
	r := m.Readings[len(m.Readings)-1]
	// The working set, which the kubelet and dashboards show, alarms people
	// only near a cgroup's limit.
	limit := cgroupLimit(m)
	if r.CgroupWorkingSet.Known() && r.Unreclaimable.Known() && limit > 0 && r.CgroupWorkingSet > limit/10*7 {
		if file := r.CgroupWorkingSet - r.Unreclaimable; file >= minOutside && file > r.CgroupWorkingSet/4 {
			doubts = append(doubts, fmt.Sprintf("%v of the working set of %v is file cache that the kernel reclaims on demand", file, r.CgroupWorkingSet))
		}
	}
	shmem := max(r.CgroupShmem, r.RSSShmem)
	if shmem >= minOutside && r.Unreclaimable.Known() && shmem > r.Unreclaimable/4 {
		doubts = append(doubts, fmt.Sprintf("%v is shared memory, such as files on tmpfs; no profile shows who wrote them", shmem))
	}
	return doubts
}

// cgroupLimit returns the smallest limit of a cgroup; 0 if there is none.
func cgroupLimit(m incident.Manifest) (least profile.Bytes) {
	for _, l := range m.Limits {
		if strings.HasPrefix(l.Source, "cgroup") && l.Bytes > 0 && (least == 0 || l.Bytes < least) {
			least = l.Bytes
		}
	}
	return least
}
