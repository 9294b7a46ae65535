package jsonscan

import "bytes"

// Escaped reports whether a key, as it is written, has an escape, so that its name
// is not what it looks like. No SDK writes the keys that matter here that way.
func Escaped(key []byte) bool { return bytes.IndexByte(key, '\\') >= 0 }

// SkipMember skips a member's value, and refuses the member if its key is escaped:
// it might be any key.
func SkipMember(p []byte, key []byte, v int) int {
	if Escaped(key) {
		return Bad
	}
	return SkipValue(p, v)
}

// Text returns the text of a string that is written without escapes, and false for
// any other value.
func Text(v []byte) (text string, ok bool) {
	if len(v) < 2 || v[0] != '"' || Escaped(v) {
		return "", false
	}
	return string(v[1 : len(v)-1]), true
}

// Lookup returns the string at a path of keys within nested objects, or "".
func Lookup(p []byte, path ...string) (found string) {
	var in func(i int, path []string) int
	in = func(i int, path []string) int {
		if len(path) == 0 {
			next := SkipValue(p, i)
			if next != Bad {
				found, _ = Text(p[i:next])
			}
			return next
		}
		if i >= len(p) || p[i] != '{' {
			return SkipValue(p, i)
		}
		return Members(p, i, func(key []byte, _, v int) int {
			if string(key) == path[0] {
				return in(v, path[1:])
			}
			return SkipValue(p, v)
		})
	}
	in(SkipSpace(p, 0), path)
	return found
}
