package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
)

// noLimit is the smallest number that means 'no limit' in v1. The kernel's own
// value is the largest long rounded down to a page: 0x7ffffffffffff000 with pages
// of up to 4 KiB, less with larger ones, or 2⁶⁴−1 in old kernels.
const noLimit = 1 << 62

// noLimit32 is 'no limit' in v1 on a 32-bit kernel: the largest long, in pages of 4
// KiB. Such a kernel can address at most 64 GiB, so it cannot be a real limit.
const noLimit32 = (1<<31 - 1) << 12

// Limit is an amount of memory of a group above which the kernel acts: it kills a
// process of the group ([Memory.Limit]) or throttles it ([Memory.High]).
type Limit struct {
	Bytes int64  // Unknown, that is -1, if there is no limit
	Path  string // folder of the group that sets it, relative to the root; "" without a limit
	File  string // the file in that folder that states it
}

// Limit returns the smallest limit of this group and its mounted ancestors. In v1
// it also considers hierarchical_memory_limit in memory.stat, the kernel's own
// minimum, which covers ancestors beyond the mount; File is then memory.stat.
//
// An existing group without the file, such as the root of v2, has no limit of its
// own. If Limit returns an error, the limit is the smallest that could be read, and
// the true one may be lower.
func (m *Memory) Limit() (Limit, error) { return m.limit(limitFile[m.version]) }

// High returns the smallest memory.high of this group and its mounted ancestors. Above
// it the kernel throttles the processes of the group that sets it, but kills none. v1
// has no such limit. Errors are as in Limit.
func (m *Memory) High() (Limit, error) {
	if highFile[m.version] == "" {
		return Limit{Bytes: Unknown}, nil
	}
	return m.limit(highFile[m.version])
}

// limit returns the smallest limit in the files of this name.
func (m *Memory) limit(file string) (Limit, error) {
	if m.closed {
		return Limit{Bytes: Unknown}, fmt.Errorf("cgroup: read the limit of %s: %w", m.dir, fs.ErrClosed)
	}
	smallest := Limit{Bytes: Unknown}
	var errs []error
	consider := func(dir, name string, read func(name string) (int64, error)) {
		limit, err := read(m.path(dir, name))
		if errors.Is(err, fs.ErrNotExist) && (dir != m.dir || name == "memory.stat" || name == highFile[m.version]) {
			return
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("cgroup: read the limit of %s: %w", dir, err))
			return
		}
		if limit != Unknown && (smallest.Bytes == Unknown || limit < smallest.Bytes) {
			smallest = Limit{Bytes: limit, Path: dir, File: name}
		}
	}
	for dir := m.dir; ; dir = path.Dir(dir) {
		consider(dir, file, readLimit)
		if dir == m.mount || dir == "/" {
			break
		}
	}
	if m.version == 1 {
		consider(m.dir, "memory.stat", readHierarchicalLimit)
	}
	return smallest, errors.Join(errs...)
}

// readLimit reads a file that contains only a limit.
func readLimit(name string) (int64, error) {
	lines, limit := 0, int64(Unknown)
	var errContent error
	err := eachLine(name, func(line []byte) {
		if lines++; lines == 1 {
			if limit, errContent = parseLimit(line); errContent != nil {
				errContent = fmt.Errorf("%s holds %.40q: %w", name, line, errContent)
			}
		}
	})
	switch {
	case err != nil:
		return Unknown, err
	case lines == 0:
		return Unknown, fmt.Errorf("%s is empty: %w", name, errLimit)
	}
	return limit, errContent
}

func readHierarchicalLimit(name string) (int64, error) {
	limit := int64(Unknown)
	var errContent error
	err := eachLine(name, func(line []byte) {
		if key, value, ok := row(line); ok && string(key) == "hierarchical_memory_limit" {
			if limit, errContent = parseLimit(value); errContent != nil {
				errContent = fmt.Errorf("%s holds %.60q: %w", name, line, errContent)
			}
		}
	})
	if err != nil {
		return Unknown, err
	}
	return limit, errContent
}

var errLimit = errors.New(`want a number of bytes or "max"`)

// parseLimit parses a limit. It returns Unknown and no error for 'no limit'.
func parseLimit(text []byte) (int64, error) {
	limit, err := number(text)
	switch {
	case errors.Is(err, errTooLarge) || string(bytes.TrimSpace(text)) == "max":
		return Unknown, nil
	case err != nil:
		return Unknown, errLimit
	case limit >= noLimit || limit == noLimit32:
		return Unknown, nil
	}
	return limit, nil
}
