package compact

// Reduce takes the next step that loses data; after Thinned it thins further. It
// reports false if nothing is left to reduce. The profile can then only be left out
// as a whole.
func (c *Compaction) Reduce(p []byte) bool {
	switch c.Step {
	case Lossless:
		c.Step = ActiveOnly
		copy(c.keep, c.active)
	case ActiveOnly:
		c.Step = ActiveRuns
		c.ends = newBitset(c.sampleCount)
		c.selectEnds(p)
		copy(c.keep, c.ends)
	case ActiveRuns, Thinned:
		if c.Kept <= 2 {
			return false
		}
		c.Step = Thinned
		c.stride *= 2
		c.thin()
	}
	return c.refer(p) && c.Kept >= 2
}

// selectEnds selects the first and the last sample of each of the active thread's
// runs of equal stacks, and the second of the last run: a profile's last sample only
// ends the time of the one before, and Sentry leaves functions with a single sample
// out of its metrics. If the samples are not in the order of their times, all of them
// stay: Sentry sorts them, so a run in the payload is none in Sentry.
func (c *Compaction) selectEnds(p []byte) {
	first, last := -1, -1 // of the run
	second := -1
	var stack int
	var elapsed uint64
	disorder := false
	c.forEach(p, c.active, func(i int, s *sample) bool {
		disorder = disorder || s.elapsed < elapsed
		switch {
		case first < 0 || s.stack != stack:
			if last >= 0 {
				c.ends.add(last)
			}
			c.ends.add(i)
			first, second = i, -1
		case second < 0:
			second = i
		}
		last, stack, elapsed = i, s.stack, s.elapsed
		return true
	})
	if last >= 0 {
		c.ends.add(last)
	}
	if second >= 0 {
		c.ends.add(second)
	}
	if disorder {
		copy(c.ends, c.active)
	}
}

// thin keeps every stride-th of the ends, and the last one, so that the profile keeps
// its duration.
func (c *Compaction) thin() {
	clear(c.keep)
	n, last := 0, -1
	for w, word := range c.ends {
		for i := w * 64; word != 0; i, word = i+1, word>>1 {
			if word&1 == 0 {
				continue
			}
			if n%c.stride == 0 {
				c.keep.add(i)
			}
			n++
			last = i
		}
	}
	if last >= 0 {
		c.keep.add(last)
	}
}
