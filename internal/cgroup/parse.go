package cgroup

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"slices"
	"strings"
)

const (
	maxLine = 64 << 10 // a line of mountinfo takes a few pages at most
	maxFile = 16 << 20 // enough for mountinfo on a host with tens of thousands of mounts
)

// eachLine calls f with each line of a file, without its newline. The line is valid
// until f returns. A line above maxLine or a file above maxFile is an error.
func eachLine(name string, f func(line []byte)) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	bounded := &io.LimitedReader{R: file, N: maxFile}
	lines := bufio.NewScanner(bounded)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		f(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if bounded.N == 0 {
		return fmt.Errorf("read %s: longer than %d bytes", name, maxFile)
	}
	return nil
}

// readMembership reads /proc/self/cgroup and returns the group's name by version.
// In v1 only the hierarchy of the memory controller counts.
func readMembership(name string) (map[int]string, error) {
	groups := map[int]string{}
	err := eachLine(name, func(line []byte) {
		if version, group, ok := parseMembership(string(line)); ok {
			groups[version] = group
		}
	})
	if err != nil {
		return nil, fmt.Errorf("cgroup: find the group: %w", err)
	}
	return groups, nil
}

// parseMembership parses a line 'id:controllers:name'. The name may contain colons.
func parseMembership(line string) (version int, group string, ok bool) {
	parts := strings.SplitN(line, ":", 3)
	if len(parts) < 3 || !strings.HasPrefix(parts[2], "/") {
		return 0, "", false
	}
	switch {
	case parts[0] == "0" && parts[1] == "":
		return 2, parts[2], true
	case slices.Contains(strings.Split(parts[1], ","), "memory"):
		return 1, parts[2], true
	}
	return 0, "", false
}

// mount is a mounted cgroup hierarchy: v2, or the v1 hierarchy with the memory
// controller.
type mount struct {
	version int
	root    string // the group at the mount point
	point   string
}

// readMounts reads /proc/self/mountinfo. Of several mounts at one point only the
// last is returned, because it hides the others.
func readMounts(name string) ([]mount, error) {
	var mounts []mount
	err := eachLine(name, func(line []byte) {
		if m, ok := parseMount(string(line)); ok {
			mounts = slices.DeleteFunc(mounts, func(old mount) bool { return old.point == m.point })
			mounts = append(mounts, m)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("cgroup: find the mounts: %w", err)
	}
	return mounts, nil
}

// parseMount parses a line of mountinfo:
//
//	36 35 98:0 /root /mnt rw,noatime master:1 - cgroup source rw,memory
//
// The number of fields before the dash varies. After it there are always three, but
// the source can be empty.
func parseMount(line string) (m mount, ok bool) {
	before, after, _ := strings.Cut(line, " - ")
	fields, super := strings.Split(before, " "), strings.Split(after, " ")
	if len(fields) < 6 || len(super) < 3 {
		return mount{}, false
	}
	switch {
	case super[0] == "cgroup2":
		m.version = 2
	case super[0] == "cgroup" && slices.Contains(strings.Split(super[len(super)-1], ","), "memory"):
		m.version = 1
	default:
		return mount{}, false
	}
	m.root, m.point = unescape(fields[3]), unescape(fields[4])
	if !strings.HasPrefix(m.root, "/") || !strings.HasPrefix(m.point, "/") {
		return mount{}, false
	}
	// A cleaned path that starts with a slash cannot lead out of root.
	m.point = path.Clean(m.point)
	return m, true
}

// unescape undoes the kernel's escaping of space, tab, newline, backslash and hash
// in paths: a backslash and three octal digits.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+3 < len(s) && s[i+1] <= '3' && octal(s[i+1]) && octal(s[i+2]) && octal(s[i+3]) {
			c = (s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0')
			i += 3
		}
		b = append(b, c)
	}
	return string(b)
}

func octal(c byte) bool { return '0' <= c && c <= '7' }

// row splits a line 'key value'.
func row(line []byte) (key, value []byte, ok bool) {
	i := bytes.IndexByte(line, ' ')
	if i < 0 {
		return nil, nil, false
	}
	return line[:i], line[i+1:], true
}

// These do not quote the text, so that number does not allocate.
var (
	errNotNumber = errors.New("want a whole number of at least 0")
	errTooLarge  = errors.New("want a number below 2^63")
)

// number parses a whole number of at least 0, with optional white space around it.
func number(text []byte) (int64, error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return Unknown, errNotNumber
	}
	n, tooLarge := int64(0), false
	for _, c := range text {
		if c < '0' || c > '9' {
			return Unknown, errNotNumber
		}
		digit := int64(c - '0')
		if n > (math.MaxInt64-digit)/10 {
			tooLarge = true
			continue
		}
		n = n*10 + digit
	}
	if tooLarge {
		return Unknown, errTooLarge
	}
	return n, nil
}
