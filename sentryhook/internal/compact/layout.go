package compact

import (
	"bytes"

	"github.com/leakguard/leakguard/sentryhook/internal/jsonscan"
)

// layout says where the parts of a profile are in its payload.
type layout struct {
	frames, stacks, samples             jsonscan.Span // arrays, with their brackets
	threads                             jsonscan.Span // thread_metadata; empty where there is none
	frameCount, stackCount, sampleCount int
	// marks says where every 64th sample is, relative to samples.Start, so that
	// a sample is found without reading all samples before it.
	marks []uint32
	// active is the thread of the transaction.
	active uint64
}

// readLayout finds the parts of a profile of Sentry's sample format, version 1. It
// reports false for JSON of another format, and for what Relay refuses anyway, such
// as a key given twice.
//
// The format is defined by Relay's relay-profiling/src/sample/v1.rs. Profiles with
// relative_end_ns, which early SDKs for phones sent, are left alone: Relay takes only
// the samples between two times from them.
func readLayout(p []byte) (l layout, ok bool) {
	seen := make(map[string]bool, 8)
	hasActive := false
	// once reports whether a key has come for the first time.
	once := func(name string) bool {
		first := !seen[name]
		seen[name] = true
		return first
	}
	end := jsonscan.Members(p, jsonscan.SkipSpace(p, 0), func(key []byte, _, v int) int {
		switch string(key) {
		case "version":
			if !once("version") || !bytes.HasPrefix(p[min(v, len(p)):], []byte(`"1"`)) {
				return jsonscan.Bad
			}
		case "transaction":
			if !once("transaction") {
				return jsonscan.Bad
			}
			return jsonscan.Members(p, v, func(key []byte, _, v int) (next int) {
				switch string(key) {
				case "active_thread_id":
					hasActive = once("active_thread_id")
					if l.active, next = jsonscan.ID(p, v); !hasActive {
						return jsonscan.Bad
					}
					return next
				case "relative_end_ns":
					if n, next := jsonscan.ID(p, v); n != 0 || !once("relative_end_ns") {
						return jsonscan.Bad
					} else {
						return next
					}
				}
				return jsonscan.SkipMember(p, key, v)
			})
		case "profile":
			if !once("profile") {
				return jsonscan.Bad
			}
			return l.readParts(p, v, once)
		}
		return jsonscan.SkipMember(p, key, v)
	})
	if end == jsonscan.Bad || jsonscan.SkipSpace(p, end) != len(p) || !hasActive {
		return l, false
	}
	return l, seen["version"] && seen["frames"] && seen["stacks"] && seen["samples"]
}

// readParts finds the parts within the member 'profile'.
func (l *layout) readParts(p []byte, i int, once func(string) bool) int {
	return jsonscan.Members(p, i, func(key []byte, _, v int) (next int) {
		switch string(key) {
		case "frames":
			next, l.frameCount = countElements(p, v, '{')
			l.frames = jsonscan.Span{Start: v, End: next}
		case "stacks":
			next, l.stackCount = countElements(p, v, '[')
			l.stacks = jsonscan.Span{Start: v, End: next}
		case "samples":
			next = l.countSamples(p, v)
			l.samples = jsonscan.Span{Start: v, End: next}
		case "thread_metadata":
			if v < len(p) && p[v] != '{' {
				return jsonscan.SkipMember(p, key, v) // null
			}
			next = jsonscan.SkipValue(p, v)
			l.threads = jsonscan.Span{Start: v, End: next}
		default:
			return jsonscan.SkipMember(p, key, v)
		}
		if !once(string(key)) {
			return jsonscan.Bad
		}
		return next
	})
}

// countElements counts the elements of an array, which all begin with open.
func countElements(p []byte, i int, open byte) (next, n int) {
	next = jsonscan.Elements(p, i, func(i int) int {
		if p[i] != open {
			return jsonscan.Bad
		}
		n++
		return jsonscan.SkipValue(p, i)
	})
	return next, n
}

func (l *layout) countSamples(p []byte, i int) int {
	var s sample
	return jsonscan.Elements(p, i, func(at int) int {
		if l.sampleCount&63 == 0 {
			l.marks = append(l.marks, uint32(at-i))
		}
		l.sampleCount++
		return s.read(p, at)
	})
}

// forEach calls f with each sample in the set, in order, until f returns false.
func (l *layout) forEach(p []byte, set bitset, f func(i int, s *sample) bool) {
	var s sample
	for w, word := range set {
		if word == 0 {
			continue
		}
		at := l.samples.Start + int(l.marks[w])
		for i := w * 64; word != 0; i, word = i+1, word>>1 {
			if at = s.read(p, at); at == jsonscan.Bad {
				return // not reached: readLayout has read all samples
			}
			if word&1 != 0 && !f(i, &s) {
				return
			}
			at = jsonscan.SkipSpace(p, at) // the comma
			at = jsonscan.SkipSpace(p, at+1)
		}
	}
}
