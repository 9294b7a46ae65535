package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/leakguard/leakguard/internal/kernfile"
)

// Throttle reads how hard the kernel throttles at a memory.high. Like [Memory] it must
// be used by one goroutine at a time.
type Throttle struct {
	dir      string
	events   *kernfile.File
	pressure *kernfile.File // nil: the kernel does not measure pressure
	buf      [1 << 10]byte
}

// Throttle opens the files. dir is the group that sets memory.high, as in [Limit.Path].
// The time that tasks lose is that of this process's group, whoever else dir contains.
func (m *Memory) Throttle(dir string) (*Throttle, error) {
	t := &Throttle{dir: dir}
	var err error
	if t.events, err = kernfile.Open(m.path(dir, "memory.events")); err != nil {
		return nil, fmt.Errorf("cgroup: open the events of %s: %w", dir, err)
	}
	// Kernels without pressure stall information (psi=0) do not have this file, or
	// refuse to open it.
	t.pressure, _ = kernfile.Open(m.path(m.dir, "memory.pressure"))
	return t, nil
}

// Dir returns the group that sets memory.high.
func (t *Throttle) Dir() string { return t.dir }

// Read returns how often processes were throttled at memory.high, descendants included,
// and for how long in total at least one task of this process's group has waited for
// memory. Each is [Unknown] if the kernel does not provide it. Read allocates nothing
// unless it fails.
func (t *Throttle) Read() (events int64, stalled time.Duration, err error) {
	events, stalled = Unknown, Unknown
	n, err := t.events.Read(t.buf[:])
	if err != nil {
		return Unknown, Unknown, fmt.Errorf("cgroup: read the events of %s: %w", t.dir, err)
	}
	for text := t.buf[:n]; ; {
		line, rest, ok := bytes.Cut(text, newline)
		if !ok {
			break
		}
		text = rest
		if key, value, ok := row(line); ok && string(key) == "high" {
			if events, err = number(value); err != nil {
				return Unknown, Unknown, fmt.Errorf("cgroup: read the events of %s: row high holds %.40q: %w", t.dir, value, err)
			}
		}
	}
	if t.pressure == nil {
		return events, Unknown, nil
	}
	n, err = t.pressure.Read(t.buf[:])
	if err != nil {
		return events, Unknown, fmt.Errorf("cgroup: read the memory pressure of %s: %w", path.Dir(t.pressure.Path()), err)
	}
	return events, parseStalled(t.buf[:n]), nil
}

var newline, someTasks, totalField = []byte("\n"), []byte("some "), []byte(" total=")

// parseStalled parses memory.pressure. Its first line is
//
//	some avg10=0.12 avg60=0.05 avg300=0.01 total=123456
//
// with the total in microseconds.
func parseStalled(text []byte) time.Duration {
	line, _, ok := bytes.Cut(text, newline)
	if !ok || !bytes.HasPrefix(line, someTasks) {
		return Unknown
	}
	_, total, ok := bytes.Cut(line, totalField)
	if !ok {
		return Unknown
	}
	us, err := number(total)
	if err != nil || us > int64(1<<63-1)/1000 {
		return Unknown
	}
	return time.Duration(us) * time.Microsecond
}

// Close closes the files. It can be called more than once.
func (t *Throttle) Close() error {
	err := t.events.Close()
	if t.pressure != nil {
		err = errors.Join(err, t.pressure.Close())
	}
	if err != nil {
		return fmt.Errorf("cgroup: close the files of %s: %w", t.dir, err)
	}
	return nil
}
