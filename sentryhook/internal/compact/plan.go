package compact

import "github.com/leakguard/leakguard/sentryhook/internal/jsonscan"

// longestProfile is Relay's MAX_PROFILE_DURATION (relay-profiling/src/lib.rs). Relay
// refuses a profile whose last sample is later than this after its beginning.
const longestProfile = 30_000_000_000 // ns

// Compaction is what stays of a profile, as positions in its payload. Its exported
// fields are results; setting them has no meaning.
type Compaction struct {
	// Step is the last step that was taken.
	Step Step
	// Size is how many bytes Write will write.
	Size int
	// Unchanged says that Write writes the payload as it came.
	Unchanged bool
	// Kept is how many samples stay, and Cut how many were beyond 30 s.
	Kept, Cut int

	layout
	stride int // of Thinned: every stride-th sample stays

	keep   bitset // samples that stay
	active bitset // samples of the active thread, none beyond 30 s
	ends   bitset // the active samples that stay from ActiveRuns on

	stacksUsed, framesUsed rank
	table                  threadTable
}

// Plan plans how to write a profile without loss, except for samples beyond 30 s,
// for which Relay would refuse the whole profile. It reports false for a payload
// that it does not understand.
//
// The samples of the active thread stay as they are, because Sentry builds its call
// trees from them alone and counts them. A sample of another thread says only that
// its stack lasted until that thread's next sample. The first and the last sample of
// a run of equal stacks therefore say everything. They do to Relay, too, which wants
// two samples of each thread and the time of the last one.
func Plan(p []byte) (*Compaction, bool) {
	l, ok := readLayout(p)
	if !ok {
		return nil, false
	}
	c := &Compaction{
		layout: l, stride: 1,
		keep: newBitset(l.sampleCount), active: newBitset(l.sampleCount),
		stacksUsed: newRank(l.stackCount), framesUsed: newRank(l.frameCount),
		table: newThreadTable(len(p)),
	}
	c.selectSamples(p)
	return c, c.refer(p)
}

// selectSamples selects the samples that stay without loss.
func (c *Compaction) selectSamples(p []byte) {
	disorder := false
	c.forAll(p, func(i int, s *sample) {
		switch {
		case s.elapsed > longestProfile:
			c.Cut++
		case s.thread == c.layout.active:
			c.keep.add(i)
			c.active.add(i)
		default:
			disorder = c.extendRun(i, s) || disorder
		}
	})
	for _, r := range c.table.runs {
		if r.last != 0 {
			c.keep.add(int(r.last - 1))
		}
	}
	if !disorder {
		return
	}
	c.forAll(p, func(i int, s *sample) {
		if s.elapsed <= longestProfile && s.thread != c.layout.active && c.table.find(s.thread).elapsed == outOfOrder {
			c.keep.add(i)
		}
	})
}

// outOfOrder is the time of a thread whose samples are not in the order of their times.
// All of them stay: Sentry sorts them, so a run in the payload is none in Sentry.
const outOfOrder = 1<<64 - 1

// extendRun adds a sample to its thread's run, or begins a new run. It reports whether
// the thread's samples are out of order.
func (c *Compaction) extendRun(i int, s *sample) (disorder bool) {
	r := c.table.get(s.thread)
	switch {
	case r == nil: // the table is full: this thread stays as it is
		c.keep.add(i)
		return false
	case r.last == 0:
		c.keep.add(i)
	case s.elapsed < r.elapsed:
		r.elapsed = outOfOrder // for good: no time is later
		return true
	case int(r.stack) != s.stack:
		c.keep.add(int(r.last - 1))
		c.keep.add(i)
	}
	r.last, r.stack, r.elapsed = uint32(i+1), uint32(s.stack), s.elapsed
	return false
}

// forAll calls f with every sample, in order.
func (c *Compaction) forAll(p []byte, f func(i int, s *sample)) {
	var s sample
	i := 0
	jsonscan.Elements(p, c.samples.Start, func(at int) int {
		next := s.read(p, at)
		f(i, &s)
		i++
		return next
	})
}
