package sentryhook

import "bytes"

// span is the bytes from start up to end.
type span struct{ start, end int }

func (s span) of(p []byte) []byte { return p[s.start:s.end] }
func (s span) len() int           { return s.end - s.start }

// layout is where the parts of a profile lie in its payload.
type layout struct {
	frames, stacks, samples span // arrays, with their brackets
	threads                 span // thread_metadata; empty where there is none
	// How many there are.
	frameCount, stackCount, sampleCount int
	// marks is where every 64th sample lies, counted from samples.start, so
	// that a sample is found without reading all before it.
	marks []uint32
	// active is the thread of the transaction.
	active uint64
}

// readLayout finds the parts of a profile of Sentry's sample format, version 1.
// It reports false for anything else: JSON of another format, or with what the
// relay refuses anyway, such as a key given twice.
//
// The format is that of Relay's relay-profiling/src/sample/v1.rs. A transaction
// with relative_end_ns makes Relay take the samples between two times only,
// which early SDKs for phones did; those profiles are left alone.
func readLayout(p []byte) (l layout, ok bool) {
	seen := make(map[string]bool, 8)
	hasActive := false
	// once reports whether a key is written plainly, and for the first time
	// if it is one of ours.
	once := func(name string) bool {
		first := !seen[name]
		seen[name] = true
		return first
	}
	end := readMembers(p, skipSpace(p, 0), func(key []byte, _, v int) int {
		switch string(key) {
		case "version":
			if !once("version") || !bytes.HasPrefix(p[min(v, len(p)):], []byte(`"1"`)) {
				return bad
			}
		case "transaction":
			if !once("transaction") {
				return bad
			}
			return readMembers(p, v, func(key []byte, _, v int) (next int) {
				switch string(key) {
				case "active_thread_id":
					hasActive = once("active_thread_id")
					if l.active, next = readID(p, v); !hasActive {
						return bad
					}
					return next
				case "relative_end_ns":
					if n, next := readID(p, v); n != 0 || !once("relative_end_ns") {
						return bad
					} else {
						return next
					}
				}
				return skipMember(p, key, v)
			})
		case "profile":
			if !once("profile") {
				return bad
			}
			return l.readParts(p, v, once)
		}
		return skipMember(p, key, v)
	})
	if end == bad || skipSpace(p, end) != len(p) || !hasActive {
		return l, false
	}
	return l, seen["version"] && seen["frames"] && seen["stacks"] && seen["samples"]
}

// readParts finds the parts within the member 'profile'.
func (l *layout) readParts(p []byte, i int, once func(string) bool) int {
	return readMembers(p, i, func(key []byte, _, v int) (next int) {
		switch string(key) {
		case "frames":
			next, l.frameCount = countElements(p, v, '{')
			l.frames = span{v, next}
		case "stacks":
			next, l.stackCount = countElements(p, v, '[')
			l.stacks = span{v, next}
		case "samples":
			next = l.countSamples(p, v)
			l.samples = span{v, next}
		case "thread_metadata":
			if v < len(p) && p[v] != '{' {
				return skipMember(p, key, v) // null
			}
			next = skipValue(p, v)
			l.threads = span{v, next}
		default:
			return skipMember(p, key, v)
		}
		if !once(string(key)) {
			return bad
		}
		return next
	})
}

// countElements counts the elements of an array, which all begin with open.
func countElements(p []byte, i int, open byte) (next, n int) {
	next = readElements(p, i, func(i int) int {
		if p[i] != open {
			return bad
		}
		n++
		return skipValue(p, i)
	})
	return next, n
}

func (l *layout) countSamples(p []byte, i int) int {
	var s sample
	return readElements(p, i, func(at int) int {
		if l.sampleCount&63 == 0 {
			l.marks = append(l.marks, uint32(at-i))
		}
		l.sampleCount++
		return s.read(p, at)
	})
}

func skipMember(p []byte, key []byte, v int) int {
	if escaped(key) {
		return bad
	}
	return skipValue(p, v)
}

// escaped reports whether a key is written with an escape, so that its name is
// not what it looks like. No SDK does that to the keys that matter here, and
// what does it is not understood.
func escaped(key []byte) bool { return bytes.IndexByte(key, '\\') >= 0 }

// forEach calls f with each sample in the set, in order. f returns false to stop.
func (l *layout) forEach(p []byte, set bitset, f func(i int, s *sample) bool) {
	var s sample
	for w, word := range set {
		if word == 0 {
			continue
		}
		at := l.samples.start + int(l.marks[w])
		for i := w * 64; word != 0; i, word = i+1, word>>1 {
			if at = s.read(p, at); at == bad {
				return // not reached: the layout has read all of it
			}
			if word&1 != 0 && !f(i, &s) {
				return
			}
			at = skipSpace(p, at) // the comma
			at = skipSpace(p, at+1)
		}
	}
}
