package procfs

import (
	"bytes"
	"math"
)

// parseStatm reads the second and third number of statm: resident pages, and
// those of them that are not anonymous. A number must be followed by another,
// or it may have been cut short; statm has seven.
func parseStatm(text []byte) (resident, shared int64, ok bool) {
	_, text, _ = bytes.Cut(text, space)
	first, text, _ := bytes.Cut(text, space)
	second, _, whole := bytes.Cut(text, space)
	resident, okFirst := number(first)
	shared, okSecond := number(second)
	return resident, shared, whole && okFirst && okSecond && shared <= resident
}

// parse fills in s from status and returns how many rows it took.
func (s *Stat) parse(text []byte) int {
	taken := 0
	for {
		key, value, rest, ok := row(text)
		if !ok {
			return taken
		}
		text = rest
		var field *int64
		read := kilobytes
		switch string(key) {
		case "VmRSS":
			field = &s.RSS
		case "RssAnon":
			field = &s.RSSAnon
		case "RssShmem":
			field = &s.RSSShmem
		case "Threads":
			field, read = &s.Threads, number
		default:
			continue
		}
		if n, ok := read(value); ok {
			*field = n
			taken++
		}
	}
}

// parseMeminfo reads the rows MemTotal and MemAvailable (Linux 3.14).
func parseMeminfo(text []byte) (total, available int64) {
	total, available = Unknown, Unknown
	for {
		key, value, rest, ok := row(text)
		if !ok {
			return total, available
		}
		text = rest
		switch string(key) {
		case "MemTotal":
			if n, ok := kilobytes(value); ok {
				total = n
			}
		case "MemAvailable":
			// The rows that follow it, fifty or so, are none of ours.
			if n, ok := kilobytes(value); ok {
				return total, n
			}
		}
	}
}

var (
	space = []byte(" ")
	unit  = []byte(" kB")
)

// row returns the first line 'key: value' of text and what follows it. A line
// without a newline is none: the kernel ends each with one, so it was cut, and
// a number cut short is a wrong number.
func row(text []byte) (key, value, rest []byte, ok bool) {
	end := bytes.IndexByte(text, '\n')
	if end < 0 {
		return nil, nil, nil, false
	}
	key, value, _ = bytes.Cut(text[:end], []byte(":"))
	return key, bytes.TrimSpace(value), text[end+1:], true
}

// kilobytes reads '1696 kB', where kB are KiB, as bytes.
func kilobytes(value []byte) (int64, bool) {
	digits, ok := bytes.CutSuffix(value, unit)
	if !ok {
		return Unknown, false
	}
	n, ok := number(digits)
	if !ok || n > math.MaxInt64>>10 {
		return Unknown, false
	}
	return n << 10, true
}

// number reads a whole number of at least 0.
func number(digits []byte) (int64, bool) {
	if len(digits) == 0 {
		return Unknown, false
	}
	n := int64(0)
	for _, c := range digits {
		digit := int64(c) - '0'
		if digit < 0 || digit > 9 || n > (math.MaxInt64-digit)/10 {
			return Unknown, false
		}
		n = n*10 + digit
	}
	return n, true
}
