package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"

	"github.com/leakguard/leakguard/internal/kernfile"
)

// statSize bounds what is read of memory.stat. On v1 the file has about 1 KiB,
// on v2 2 to 4 KiB, and the rows that we want stand in its first half.
const statSize = 16 << 10

// Memory reads the memory controller of one control group.
type Memory struct {
	root string
	group
	usage   *kernfile.File
	stat    *kernfile.File // nil where there is no memory.stat, and then
	statErr error          // says so
	kmem    *kernfile.File // v1 alone; nil where the kernel does not account its memory
	buf     []byte
	closed  bool
}

// Open finds the memory controller of this process and opens its files. The
// files are looked for below root, which is "/" but in tests.
//
// The error wraps [errors.ErrUnsupported] where no memory controller governs
// this process, or the system is not Linux, and [fs.ErrNotExist] where there
// is no /proc. A group without memory.stat can be opened; [Memory.Read] then
// fills in the usage alone.
func Open(root string) (*Memory, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("cgroup: %s has no control groups: %w", runtime.GOOS, errors.ErrUnsupported)
	}
	g, err := find(root)
	if err != nil {
		return nil, err
	}
	return open(root, g)
}

func open(root string, g group) (*Memory, error) {
	m := &Memory{root: root, group: g, buf: make([]byte, statSize)}
	var err error
	if m.usage, err = kernfile.Open(m.path(g.dir, usageFile[g.version])); err != nil {
		return nil, fmt.Errorf("cgroup: open the usage of %s: %w", g.dir, err)
	}
	if m.stat, err = kernfile.Open(m.path(g.dir, "memory.stat")); err != nil {
		m.statErr = fmt.Errorf("cgroup: open memory.stat when %s was opened: %w", g.dir, err)
	}
	if g.version == 1 {
		// Many kernels have none, which is no error.
		m.kmem, _ = kernfile.Open(m.path(g.dir, "memory.kmem.usage_in_bytes"))
	}
	return m, nil
}

// Above opens the group that [Limit.Path] names: the memory that counts towards a
// limit is that of the group which has it, sidecars included, not of the one in
// which this process is.
func (m *Memory) Above(dir string) (*Memory, error) {
	return open(m.root, group{version: m.version, dir: dir, mount: m.mount})
}

// Version returns the version of the control groups, 1 or 2.
func (m *Memory) Version() int { return m.version }

// Dir returns the folder of the group, below the root given to [Open].
func (m *Memory) Dir() string { return m.dir }

// Read fills in s. It allocates nothing unless it fails.
//
// Fields that could not be read are [Unknown]. The error joins what went wrong
// with the usage and with memory.stat; a row that is absent from memory.stat,
// cut short or not a number is only Unknown. After the group was removed each
// call fails (with ENODEV in the error): see [Memory.Reopen].
func (m *Memory) Read(s *Stat) error {
	*s = unknownStat
	var errUsage error
	s.Usage, errUsage = m.ReadUsage()
	if m.kmem != nil {
		// When it fails the others do too, and say why.
		if n, err := m.kmem.Read(m.buf); err == nil {
			if kernel, err := number(m.buf[:n]); err == nil {
				s.Kernel = kernel
			}
		}
	}
	if errStat := m.readStat(s); errStat != nil || errUsage != nil {
		return errors.Join(errUsage, errStat)
	}
	return nil
}

// ReadUsage returns [Stat.Usage] alone, at a tenth of Read's cost, for polling
// every few milliseconds. It allocates nothing unless it fails, and then
// returns [Unknown].
func (m *Memory) ReadUsage() (int64, error) {
	n, err := m.usage.Read(m.buf)
	if err != nil {
		return Unknown, fmt.Errorf("cgroup: read usage: %w", err)
	}
	usage, err := number(m.buf[:n])
	if err != nil {
		return Unknown, fmt.Errorf("cgroup: read usage: %s holds %.40q: %w", m.usage.Path(), m.buf[:n], err)
	}
	return usage, nil
}

func (m *Memory) readStat(s *Stat) error {
	if m.stat == nil {
		return m.statErr
	}
	n, err := m.stat.Read(m.buf)
	if err != nil {
		return fmt.Errorf("cgroup: read statistics: %w", err)
	}
	if s.parse(m.buf[:n], m.version) == 0 {
		return fmt.Errorf("cgroup: read statistics: %s holds %.40q: no row that a v%d group has", m.stat.Path(), m.buf[:n], m.version)
	}
	return nil
}

// OOMKills returns how many processes of the group the kernel has killed for
// want of memory since the group was made: row oom_kill of memory.events (v2,
// with the groups below) or of memory.oom_control (v1, Linux 4.13). It is
// [Unknown] without an error where the kernel has no such row. The file is
// opened at each call.
func (m *Memory) OOMKills() (int64, error) {
	if m.closed {
		return Unknown, fmt.Errorf("cgroup: read the number of kills: %w", fs.ErrClosed)
	}
	name := m.path(m.dir, eventsFile[m.version])
	kills := int64(Unknown)
	err := eachLine(name, func(line []byte) {
		if key, value, ok := row(line); ok && string(key) == "oom_kill" {
			if n, err := number(value); err == nil {
				kills = n
			}
		}
	})
	if err != nil {
		return Unknown, fmt.Errorf("cgroup: read the number of kills: %w", err)
	}
	return kills, nil
}

// Reopen finds the group of this process again and opens its files. Use it
// when [Memory.Read] fails, at most once a second as it costs about 75 µs,
// and before [Memory.Limit], in case the process was moved. When it fails
// everything stays as it was.
func (m *Memory) Reopen() error {
	if m.closed {
		return fmt.Errorf("cgroup: reopen %s: %w", m.dir, fs.ErrClosed)
	}
	fresh, err := Open(m.root)
	if err != nil {
		return err
	}
	err = m.Close()
	*m = *fresh
	return err
}

// Close closes the files. It can be called more than once; all other methods
// but [Memory.Version] and [Memory.Dir] then fail with [fs.ErrClosed].
func (m *Memory) Close() error {
	m.closed = true
	err := m.usage.Close()
	if m.stat != nil {
		err = errors.Join(err, m.stat.Close())
	}
	if m.kmem != nil {
		err = errors.Join(err, m.kmem.Close())
	}
	if err != nil {
		return fmt.Errorf("cgroup: close the files of %s: %w", m.dir, err)
	}
	return nil
}

// path returns where a file of a group is, given the group's folder below root.
func (m *Memory) path(dir, name string) string {
	return filepath.Join(m.root, dir, name)
}
