package jsonscan

import "bytes"

// Bad is the offset behind what is not understood.
const Bad = -1

// SkipSpace skips white space.
func SkipSpace(p []byte, i int) int {
	for i < len(p) && (p[i] == ' ' || p[i] == '\n' || p[i] == '\t' || p[i] == '\r') {
		i++
	}
	return i
}

// skipString skips the string whose opening quote is at i.
func skipString(p []byte, i int) int {
	start := i + 1
	for i = start; ; {
		n := bytes.IndexByte(p[i:], '"')
		if n < 0 {
			return Bad
		}
		quote := i + n
		k := quote
		for k > start && p[k-1] == '\\' {
			k--
		}
		i = quote + 1
		if (quote-k)%2 == 0 {
			return i
		}
		start = i
	}
}

// SkipValue skips any value. It counts brackets, so nesting costs nothing.
func SkipValue(p []byte, i int) int {
	depth := 0
	for i < len(p) {
		switch p[i] {
		case '"':
			if i = skipString(p, i); i == Bad || depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				return i + 1
			}
			if depth < 0 {
				return Bad
			}
		default:
			if depth == 0 {
				return skipScalar(p, i)
			}
		}
		i++
	}
	return Bad
}

// skipScalar skips a number, true, false or null.
func skipScalar(p []byte, i int) int {
	start := i
	for i < len(p) {
		switch c := p[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c == '-', c == '+', c == '.', c == 'E':
			i++
			continue
		}
		break
	}
	if i == start {
		return Bad
	}
	return i
}

// Uint reads a number that consists of digits only and fits 64 bits.
func Uint(p []byte, i int) (v uint64, next int) {
	start := i
	for i < len(p) {
		d := uint64(p[i] - '0')
		if d > 9 {
			break
		}
		if i-start >= 19 && (v > (1<<64-1)/10 || v*10 > 1<<64-1-d) {
			return 0, Bad
		}
		v = v*10 + d
		i++
	}
	if i == start || p[start] == '0' && i > start+1 {
		return 0, Bad
	}
	// 1.5 and 1e9 are other numbers than 1.
	if i < len(p) && (p[i] == '.' || p[i] == 'e' || p[i] == 'E') {
		return 0, Bad
	}
	return v, i
}

// ID reads an identifier or a time: SDKs write them as a number or as a
// string of digits, and Relay takes both.
func ID(p []byte, i int) (v uint64, next int) {
	if i >= len(p) || p[i] != '"' {
		return Uint(p, i)
	}
	v, next = Uint(p, i+1)
	if next == Bad || next >= len(p) || p[next] != '"' {
		return 0, Bad
	}
	return v, next + 1
}

// Members calls f with each member of the object at i: its key as it is written,
// without the quotes, and the offsets of the key's opening quote and of the value.
// f returns the offset behind the value.
func Members(p []byte, i int, f func(key []byte, at, value int) int) int {
	if i >= len(p) || p[i] != '{' {
		return Bad
	}
	i = SkipSpace(p, i+1)
	if i < len(p) && p[i] == '}' {
		return i + 1
	}
	for i < len(p) && p[i] == '"' {
		at := i
		if i = skipString(p, i); i == Bad {
			return Bad
		}
		key := p[at+1 : i-1]
		i = SkipSpace(p, i)
		if i >= len(p) || p[i] != ':' {
			return Bad
		}
		if i = f(key, at, SkipSpace(p, i+1)); i == Bad {
			return Bad
		}
		i = SkipSpace(p, i)
		if i < len(p) && p[i] == '}' {
			return i + 1
		}
		if i >= len(p) || p[i] != ',' {
			return Bad
		}
		i = SkipSpace(p, i+1)
	}
	return Bad
}

// Elements calls f with the offset of each element of the array at i. f returns
// the offset behind the element.
func Elements(p []byte, i int, f func(i int) int) int {
	if i >= len(p) || p[i] != '[' {
		return Bad
	}
	i = SkipSpace(p, i+1)
	if i < len(p) && p[i] == ']' {
		return i + 1
	}
	for i < len(p) {
		if i = f(i); i == Bad {
			return Bad
		}
		i = SkipSpace(p, i)
		if i < len(p) && p[i] == ']' {
			return i + 1
		}
		if i >= len(p) || p[i] != ',' {
			return Bad
		}
		i = SkipSpace(p, i+1)
	}
	return Bad
}
