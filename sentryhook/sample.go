package sentryhook

// sample is one sample of a profile: a thread's stack at a time.
type sample struct {
	elapsed uint64 // since the profile began, in ns
	thread  uint64
	stack   int
	// Where the number of the stack is written, and the sample itself.
	stackAt, stackEnd, at, end int
}

// A sample as sentry-go writes it.
const (
	elapsedKey = `{"elapsed_since_start_ns":`
	stackKey   = `,"stack_id":`
	threadKey  = `,"thread_id":`
)

// readSample reads the sample at i. The way sentry-go writes it is read without
// looking for keys, which is five times as fast.
func (s *sample) read(p []byte, i int) int {
	s.at = i
	next := s.readUsual(p, i)
	if next == bad {
		next = s.readAny(p, i)
	}
	s.end = next
	return next
}

func (s *sample) readUsual(p []byte, i int) int {
	if len(p)-i < len(elapsedKey) || string(p[i:i+len(elapsedKey)]) != elapsedKey {
		return bad
	}
	if s.elapsed, i = readUint(p, i+len(elapsedKey)); i == bad {
		return bad
	}
	if len(p)-i < len(stackKey) || string(p[i:i+len(stackKey)]) != stackKey {
		return bad
	}
	s.stackAt = i + len(stackKey)
	stack, i := readUint(p, s.stackAt)
	if i == bad || stack >= uint64(len(p)) {
		return bad
	}
	s.stack, s.stackEnd = int(stack), i
	if len(p)-i < len(threadKey) || string(p[i:i+len(threadKey)]) != threadKey {
		return bad
	}
	if s.thread, i = readUint(p, i+len(threadKey)); i == bad {
		return bad
	}
	if i >= len(p) || p[i] != '}' {
		return bad
	}
	return i + 1
}

// readAny reads a sample whose keys are in any order, with others between them.
func (s *sample) readAny(p []byte, i int) int {
	const elapsed, stack, thread = 1, 2, 4
	seen := 0
	once := func(field int) bool {
		first := seen&field == 0
		seen |= field
		return first
	}
	i = readMembers(p, i, func(key []byte, _, v int) (next int) {
		switch string(key) {
		case "elapsed_since_start_ns":
			s.elapsed, next = readID(p, v)
			if !once(elapsed) {
				return bad
			}
		case "thread_id":
			s.thread, next = readID(p, v)
			if !once(thread) {
				return bad
			}
		case "stack_id":
			var id uint64
			id, next = readUint(p, v)
			// There are fewer stacks than bytes.
			if !once(stack) || id >= uint64(len(p)) {
				return bad
			}
			s.stack, s.stackAt, s.stackEnd = int(id), v, next
		default:
			if escaped(key) {
				return bad
			}
			next = skipValue(p, v)
		}
		return next
	})
	if seen != elapsed|stack|thread {
		return bad
	}
	return i
}
