package compact

import "github.com/leakguard/leakguard/sentryhook/internal/jsonscan"

// refer finds the stacks and frames that the remaining samples refer to, and the
// size of the result. It reports false if they refer to something that does not exist.
func (c *Compaction) refer(p []byte) (ok bool) {
	clear(c.stacksUsed.set)
	clear(c.framesUsed.set)
	c.Kept, ok = 0, true
	c.forEach(p, c.keep, func(_ int, s *sample) bool {
		c.Kept++
		if ok = s.stack < c.stackCount; ok {
			c.stacksUsed.set.add(s.stack)
		}
		return ok
	})
	if !ok {
		return false
	}
	i := 0
	end := jsonscan.Elements(p, c.stacks.Start, func(at int) int {
		i++
		if !c.stacksUsed.set.has(i - 1) {
			return jsonscan.SkipValue(p, at)
		}
		return jsonscan.Elements(p, at, func(at int) int {
			frame, next := jsonscan.Uint(p, at)
			if frame >= uint64(c.frameCount) {
				return jsonscan.Bad
			}
			c.framesUsed.set.add(int(frame))
			return next
		})
	})
	if end == jsonscan.Bad {
		return false
	}
	c.stacksUsed.index()
	c.framesUsed.index()
	c.Unchanged = c.Kept == c.sampleCount && c.allReferred(p)
	c.Size = len(p)
	if !c.Unchanged {
		var n counter
		c.Write(p, &n)
		c.Size = int(n)
	}
	return true
}

// allReferred reports whether every stack, frame and thread is in use.
func (c *Compaction) allReferred(p []byte) bool {
	if c.stacksUsed.set.len() != c.stackCount || c.framesUsed.set.len() != c.frameCount {
		return false
	}
	all := true
	if c.threads.Len() > 0 {
		jsonscan.Members(p, c.threads.Start, func(key []byte, _, v int) int {
			all = all && c.keepsThread(key)
			return jsonscan.SkipValue(p, v)
		})
	}
	return all
}

// keepsThread reports whether the metadata of a thread stay. Relay itself drops the
// metadata of threads without samples.
func (c *Compaction) keepsThread(key []byte) bool {
	id, end := jsonscan.Uint(key, 0)
	switch {
	case jsonscan.Escaped(key):
		return true // it may be any thread
	case end != len(key):
		return false
	case id == c.layout.active:
		return c.active.len() > 0
	}
	return c.Step == Lossless && (c.table.full || c.table.has(id))
}
