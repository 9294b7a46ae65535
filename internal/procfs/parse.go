package procfs

import (
	"bytes"
	"math"
)

// parseStatm parses the second and third number of statm: resident pages, and those
// of them that are not anonymous. Each must be followed by another number, or it
// may have been truncated; statm has seven.
func parseStatm(text []byte) (resident, shared int64, ok bool) {
	_, text, _ = bytes.Cut(text, space)
	first, text, _ := bytes.Cut(text, space)
	second, _, whole := bytes.Cut(text, space)
	resident, okFirst := number(first)
	shared, okSecond := number(second)
	return resident, shared, whole && okFirst && okSecond && shared <= resident
}

// parse fills in s from status and returns how many rows it used.
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

// parseMeminfo parses the rows MemTotal and MemAvailable (Linux 3.14).
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
			// None of the following fifty or so rows is needed.
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

// row returns the first line 'key: value' of text and the rest. A line without a
// newline does not count: the kernel ends each with one, so it was truncated, and a
// truncated number is wrong.
func row(text []byte) (key, value, rest []byte, ok bool) {
	end := bytes.IndexByte(text, '\n')
	if end < 0 {
		return nil, nil, nil, false
	}
	key, value, _ = bytes.Cut(text[:end], []byte(":"))
	return key, bytes.TrimSpace(value), text[end+1:], true
}

// kilobytes parses '1696 kB', where kB means KiB, and returns bytes.
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

// number parses a whole number of at least 0.
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
