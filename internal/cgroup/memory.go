package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"

	"github.com/leakguard/leakguard/internal/kernfile"
)

// statSize bounds how much of memory.stat is read. The file has about 1 KiB on v1
// and 2 to 4 KiB on v2, and the rows used here are in its first half.
const statSize = 16 << 10

// Memory reads the memory controller of one control group.
type Memory struct {
	root string
	group
	usage   *kernfile.File
	stat    *kernfile.File // nil if there is no memory.stat;
	statErr error          // then this says why
	kmem    *kernfile.File // v1 only; nil if the kernel does not account its own memory
	buf     []byte
	closed  bool
}

// Open finds this process's memory controller and opens its files. It looks for the
// files below root, which is "/" except in tests.
//
// The error wraps [errors.ErrUnsupported] if no memory controller governs this
// process or the system is not Linux, and [fs.ErrNotExist] if there is no /proc.
// Open accepts a group without memory.stat; [Memory.Read] then fills in only the
// usage.
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
		m.statErr = fmt.Errorf("cgroup: %s had no readable memory.stat when it was opened: %w", g.dir, err)
	}
	if g.version == 1 {
		// Many kernels do not have this file, so its absence is no error.
		m.kmem, _ = kernfile.Open(m.path(g.dir, "memory.kmem.usage_in_bytes"))
	}
	return m, nil
}

// Above opens the group that [Limit.Path] names. A limit applies to all the memory
// of the group that sets it, sidecars included, not only to that of this process's
// group.
func (m *Memory) Above(dir string) (*Memory, error) {
	return open(m.root, group{version: m.version, dir: dir, mount: m.mount})
}

// Version returns the version of the control groups, 1 or 2.
func (m *Memory) Version() int { return m.version }

// Dir returns the folder of the group, relative to the root given to [Open].
func (m *Memory) Dir() string { return m.dir }

// Read fills in s. It allocates nothing unless it fails.
//
// Fields that could not be read are [Unknown]. The error joins the errors of the
// usage and of memory.stat. A row of memory.stat that is absent, truncated or not a
// number only leaves its field Unknown. Once the group has been removed, every call
// fails with an error that wraps ENODEV; see [Memory.Reopen].
func (m *Memory) Read(s *Stat) error {
	*s = unknownStat
	var errUsage error
	s.Usage, errUsage = m.ReadUsage()
	if m.kmem != nil {
		// If this fails, the other reads fail as well and report it.
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

// ReadUsage returns [Stat.Usage] alone, at a tenth of the cost of Read, for polling
// every few milliseconds. It allocates nothing unless it fails, and then returns
// [Unknown].
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
		return fmt.Errorf("cgroup: read statistics: %s holds %.40q, which has no row of a v%d group", m.stat.Path(), m.buf[:n], m.version)
	}
	return nil
}

// OOMKills returns how many processes of the group the kernel has killed for lack
// of memory since the group was created. It reads row oom_kill of memory.events
// (v2, which includes descendants) or of memory.oom_control (v1, Linux 4.13 or
// later). It returns [Unknown] and no error if the kernel has no such row. Each
// call opens the file.
func (m *Memory) OOMKills() (int64, error) {
	if m.closed {
		return Unknown, fmt.Errorf("cgroup: read the number of OOM kills: %w", fs.ErrClosed)
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
		return Unknown, fmt.Errorf("cgroup: read the number of OOM kills: %w", err)
	}
	return kills, nil
}

// Reopen finds this process's group again and opens its files. Call it when
// [Memory.Read] fails, but at most once a second because it costs about 75 µs, and
// before [Memory.Limit], in case the process was moved. If it fails, nothing
// changes.
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

// Close closes the files. It can be called more than once. Afterwards all other
// methods except [Memory.Version] and [Memory.Dir] fail with [fs.ErrClosed].
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

// path returns the path of a file in a group's folder, which is relative to root.
func (m *Memory) path(dir, name string) string {
	return filepath.Join(m.root, dir, name)
}
