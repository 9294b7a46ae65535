package sentryhook

// Relay refuses a profile whose last sample lies later than this after its
// beginning (MAX_PROFILE_DURATION in relay-profiling/src/lib.rs).
const longestProfile = 30_000_000_000 // ns

// step is how far a profile has been reduced. Those after lossless lose data, in
// this order.
type step int

const (
	lossless   step = iota
	activeOnly      // the samples of the other threads are gone
	activeRuns      // of the active thread's runs of equal stacks the ends stay
	thinned         // of those only every second, fourth, ... sample stays
)

// String says what a step does.
func (s step) String() string {
	return [...]string{"nothing", "dropping the samples of other threads", "keeping the ends of the active thread's runs", "thinning the active thread"}[s]
}

// compaction is what stays of a profile, as positions in its payload and never
// the data itself.
type compaction struct {
	layout
	step   step
	stride int // of thinned

	keep   bitset // samples that stay
	active bitset // samples of the active thread, none beyond 30 s
	ends   bitset // of those, what stays as of activeRuns

	stacksUsed, framesUsed rank
	table                  threadTable

	cut       int // samples beyond 30 s
	kept      int // samples that stay
	unchanged bool
	size      int // bytes of the payload as it will be written
}

// compact plans a profile without loss, but for the samples beyond 30 s, which
// Relay would refuse together with all the others. It reports false for a
// payload that it does not understand.
//
// The samples of the active thread stay as they are: Sentry builds its call
// trees from them alone and counts them. A sample of another thread says only
// that its stack lasted until that thread's next sample, so of a run of equal
// stacks the first and the last say it all, to Relay, too: it asks of a thread
// that it has two samples, and for the last one's time.
func compact(p []byte) (*compaction, bool) {
	l, ok := readLayout(p)
	if !ok {
		return nil, false
	}
	c := &compaction{
		layout: l, stride: 1,
		keep: newBitset(l.sampleCount), active: newBitset(l.sampleCount),
		stacksUsed: newRank(l.stackCount), framesUsed: newRank(l.frameCount),
		table: newThreadTable(len(p)),
	}
	c.selectSamples(p)
	return c, c.refer(p)
}

// selectSamples chooses what stays without loss.
func (c *compaction) selectSamples(p []byte) {
	var s sample
	i := 0
	readElements(p, c.samples.start, func(at int) int {
		next := s.read(p, at)
		switch {
		case s.elapsed > longestProfile:
			c.cut++
		case s.thread == c.layout.active:
			c.keep.add(i)
			c.active.add(i)
		default:
			c.extendRun(i, &s)
		}
		i++
		return next
	})
	for _, r := range c.table.runs {
		if r.last != 0 {
			c.keep.add(int(r.last - 1))
		}
	}
}

func (c *compaction) extendRun(i int, s *sample) {
	r := c.table.get(s.thread)
	switch {
	case r == nil: // no room: this thread stays as it is
		c.keep.add(i)
		return
	case r.last == 0:
		c.keep.add(i)
	case int(r.stack) != s.stack || s.elapsed < r.elapsed:
		c.keep.add(int(r.last - 1))
		c.keep.add(i)
	}
	r.last, r.stack, r.elapsed = uint32(i+1), uint32(s.stack), s.elapsed
}

// refer finds what the samples that stay refer to, and how much all of it is.
// It reports false when they refer to what is not there.
func (c *compaction) refer(p []byte) (ok bool) {
	clear(c.stacksUsed.set)
	clear(c.framesUsed.set)
	c.kept, ok = 0, true
	c.forEach(p, c.keep, func(_ int, s *sample) bool {
		c.kept++
		if ok = s.stack < c.stackCount; ok {
			c.stacksUsed.set.add(s.stack)
		}
		return ok
	})
	if !ok {
		return false
	}
	i := 0
	end := readElements(p, c.stacks.start, func(at int) int {
		i++
		if !c.stacksUsed.set.has(i - 1) {
			return skipValue(p, at)
		}
		return readElements(p, at, func(at int) int {
			frame, next := readUint(p, at)
			if frame >= uint64(c.frameCount) {
				return bad
			}
			c.framesUsed.set.add(int(frame))
			return next
		})
	})
	if end == bad {
		return false
	}
	c.stacksUsed.index()
	c.framesUsed.index()
	c.unchanged = c.kept == c.sampleCount && c.allReferred(p)
	c.size = len(p)
	if !c.unchanged {
		var n counter
		c.write(p, &n)
		c.size = int(n)
	}
	return true
}

// allReferred reports whether no stack, frame or thread is without use.
func (c *compaction) allReferred(p []byte) bool {
	if c.stacksUsed.set.len() != c.stackCount || c.framesUsed.set.len() != c.frameCount {
		return false
	}
	all := true
	if c.threads.len() > 0 {
		readMembers(p, c.threads.start, func(key []byte, _, v int) int {
			all = all && c.keepsThread(key)
			return skipValue(p, v)
		})
	}
	return all
}

// keepsThread reports whether the metadata of a thread stay. Relay drops those
// of threads without samples itself.
func (c *compaction) keepsThread(key []byte) bool {
	id, end := readUint(key, 0)
	switch {
	case escaped(key):
		return true // may be any thread
	case end != len(key):
		return false
	case id == c.layout.active:
		return c.active.len() > 0
	}
	return c.step == lossless && (c.table.full || c.table.has(id))
}
