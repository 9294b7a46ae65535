package sentryhook

// reduce takes the next step that loses data, or, as of thinned, the same step
// further. It reports false when there is nothing left to take: what remains
// then is to leave out the profile.
func (c *compaction) reduce(p []byte) bool {
	switch c.step {
	case lossless:
		c.step = activeOnly
		copy(c.keep, c.active)
	case activeOnly:
		c.step = activeRuns
		c.ends = newBitset(c.sampleCount)
		c.selectEnds(p)
		copy(c.keep, c.ends)
	case activeRuns, thinned:
		if c.kept <= 2 {
			return false
		}
		c.step = thinned
		c.stride *= 2
		c.thin()
	}
	if !c.refer(p) || c.kept < 2 {
		return false
	}
	return true
}

// selectEnds chooses the first and the last sample of each of the active thread's
// runs of equal stacks. Of the last run the second stays, too: a profile's last
// sample only ends the time of the one before, and Sentry leaves functions with
// a single sample out of its metrics.
func (c *compaction) selectEnds(p []byte) {
	first, last := -1, -1 // of the run
	second := -1
	var stack int
	var elapsed uint64
	c.forEach(p, c.active, func(i int, s *sample) bool {
		switch {
		case first < 0 || s.stack != stack || s.elapsed < elapsed:
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
}

// thin keeps every stride-th of the ends, and the last, so that the profile
// still lasts as long.
func (c *compaction) thin() {
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
