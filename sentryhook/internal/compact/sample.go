package compact

import "github.com/leakguard/leakguard/sentryhook/internal/jsonscan"

// sample is one sample of a profile: a thread's stack at a time.
type sample struct {
	elapsed uint64 // since the profile began, in ns
	thread  uint64
	stack   int
	// The offsets of the stack's number, and of the sample itself.
	stackAt, stackEnd, at, end int
}

// How sentry-go writes a sample.
const (
	elapsedKey = `{"elapsed_since_start_ns":`
	stackKey   = `,"stack_id":`
	threadKey  = `,"thread_id":`
)

// read reads the sample at i. If it is written as sentry-go writes it, no keys are
// looked up, which is five times as fast.
func (s *sample) read(p []byte, i int) int {
	s.at = i
	next := s.readUsual(p, i)
	if next == jsonscan.Bad {
		next = s.readAny(p, i)
	}
	s.end = next
	return next
}

func (s *sample) readUsual(p []byte, i int) int {
	if len(p)-i < len(elapsedKey) || string(p[i:i+len(elapsedKey)]) != elapsedKey {
		return jsonscan.Bad
	}
	if s.elapsed, i = jsonscan.Uint(p, i+len(elapsedKey)); i == jsonscan.Bad {
		return jsonscan.Bad
	}
	if len(p)-i < len(stackKey) || string(p[i:i+len(stackKey)]) != stackKey {
		return jsonscan.Bad
	}
	s.stackAt = i + len(stackKey)
	stack, i := jsonscan.Uint(p, s.stackAt)
	if i == jsonscan.Bad || stack >= uint64(len(p)) {
		return jsonscan.Bad
	}
	s.stack, s.stackEnd = int(stack), i
	if len(p)-i < len(threadKey) || string(p[i:i+len(threadKey)]) != threadKey {
		return jsonscan.Bad
	}
	if s.thread, i = jsonscan.Uint(p, i+len(threadKey)); i == jsonscan.Bad {
		return jsonscan.Bad
	}
	if i >= len(p) || p[i] != '}' {
		return jsonscan.Bad
	}
	return i + 1
}

// readAny reads a sample with its keys in any order and other keys between them.
func (s *sample) readAny(p []byte, i int) int {
	const elapsed, stack, thread = 1, 2, 4
	seen := 0
	once := func(field int) bool {
		first := seen&field == 0
		seen |= field
		return first
	}
	i = jsonscan.Members(p, i, func(key []byte, _, v int) (next int) {
		switch string(key) {
		case "elapsed_since_start_ns":
			s.elapsed, next = jsonscan.ID(p, v)
			if !once(elapsed) {
				return jsonscan.Bad
			}
		case "thread_id":
			s.thread, next = jsonscan.ID(p, v)
			if !once(thread) {
				return jsonscan.Bad
			}
		case "stack_id":
			var id uint64
			id, next = jsonscan.Uint(p, v)
			// There are fewer stacks than bytes.
			if !once(stack) || id >= uint64(len(p)) {
				return jsonscan.Bad
			}
			s.stack, s.stackAt, s.stackEnd = int(id), v, next
		default:
			if jsonscan.Escaped(key) {
				return jsonscan.Bad
			}
			next = jsonscan.SkipValue(p, v)
		}
		return next
	})
	if seen != elapsed|stack|thread {
		return jsonscan.Bad
	}
	return i
}
