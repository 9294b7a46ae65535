package sentryhook

import "bytes"

// The scanner reads JSON where it lies, by offsets, and builds nothing. Each
// function takes the offset of what it reads and returns the offset behind it,
// or bad where it does not understand the bytes.
//
// What is only skipped is checked for balance, not for grammar: a payload that
// is no JSON may pass, to be refused by the relay as it would have been anyway,
// while one that is JSON never fails. encoding/json's tokens take 50 ns for
// each number of a profile, which is twenty times what there is.
const bad = -1

func skipSpace(p []byte, i int) int {
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
			return bad
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

// skipValue skips any value. Depth costs it nothing: it counts brackets.
func skipValue(p []byte, i int) int {
	depth := 0
	for i < len(p) {
		switch p[i] {
		case '"':
			if i = skipString(p, i); i == bad || depth == 0 {
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
				return bad
			}
		default:
			if depth == 0 {
				return skipScalar(p, i)
			}
		}
		i++
	}
	return bad
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
		return bad
	}
	return i
}

// readUint reads a number of digits only that fits 64 bits.
func readUint(p []byte, i int) (v uint64, next int) {
	start := i
	for i < len(p) {
		d := uint64(p[i] - '0')
		if d > 9 {
			break
		}
		if i-start >= 19 && (v > (1<<64-1)/10 || v*10 > 1<<64-1-d) {
			return 0, bad
		}
		v = v*10 + d
		i++
	}
	if i == start || p[start] == '0' && i > start+1 {
		return 0, bad
	}
	// 1.5 and 1e9 are other numbers than 1.
	if i < len(p) && (p[i] == '.' || p[i] == 'e' || p[i] == 'E') {
		return 0, bad
	}
	return v, i
}

// readID reads an identifier or a time: SDKs write them as a number or as a
// string of digits, and Relay takes both.
func readID(p []byte, i int) (v uint64, next int) {
	if i >= len(p) || p[i] != '"' {
		return readUint(p, i)
	}
	v, next = readUint(p, i+1)
	if next == bad || next >= len(p) || p[next] != '"' {
		return 0, bad
	}
	return v, next + 1
}

// readMembers calls f with each member of the object at i: its key as it is
// written, without quotes, and the offsets of the opening quote and of the value.
// f returns the offset behind the value.
func readMembers(p []byte, i int, f func(key []byte, at, value int) int) int {
	if i >= len(p) || p[i] != '{' {
		return bad
	}
	i = skipSpace(p, i+1)
	if i < len(p) && p[i] == '}' {
		return i + 1
	}
	for i < len(p) && p[i] == '"' {
		at := i
		if i = skipString(p, i); i == bad {
			return bad
		}
		key := p[at+1 : i-1]
		i = skipSpace(p, i)
		if i >= len(p) || p[i] != ':' {
			return bad
		}
		if i = f(key, at, skipSpace(p, i+1)); i == bad {
			return bad
		}
		i = skipSpace(p, i)
		if i < len(p) && p[i] == '}' {
			return i + 1
		}
		if i >= len(p) || p[i] != ',' {
			return bad
		}
		i = skipSpace(p, i+1)
	}
	return bad
}

// readElements calls f with the offset of each element of the array at i; f
// returns the offset behind it.
func readElements(p []byte, i int, f func(i int) int) int {
	if i >= len(p) || p[i] != '[' {
		return bad
	}
	i = skipSpace(p, i+1)
	if i < len(p) && p[i] == ']' {
		return i + 1
	}
	for i < len(p) {
		if i = f(i); i == bad {
			return bad
		}
		i = skipSpace(p, i)
		if i < len(p) && p[i] == ']' {
			return i + 1
		}
		if i >= len(p) || p[i] != ',' {
			return bad
		}
		i = skipSpace(p, i+1)
	}
	return bad
}
