//go:build linux

// Package progress lets a victim record how much it has leaked until the very
// millisecond of its death.
//
// A log is a file of fixed size that the harness fills with zeros beforehand and
// the victim maps shared. The pages therefore belong to the harness's memory
// cgroup, a record costs no system call, and it survives a SIGKILL without being
// flushed. A pipe was rejected: the harness would have to wake up for each record
// and take processor time from the two leaking goroutines.
package progress

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const (
	// Every is the shortest time between two stamps.
	Every = time.Millisecond

	stampSize = 16 // int64 nanoseconds since 1970, int64 leaked
	capacity  = 1 << 18
)

// Stamp records how much had leaked at a time. The unit depends on the victim:
// bytes or goroutines.
type Stamp struct {
	At     time.Time `json:"at"`
	Leaked int64     `json:"leaked"`
}

// Create creates the log at path for Open. A log holds 2^18 stamps (4 MiB), which
// takes over four minutes. After that the last one is overwritten.
func Create(path string) error {
	if err := os.WriteFile(path, make([]byte, capacity*stampSize), 0o600); err != nil {
		return fmt.Errorf("progress: create log: %w", err)
	}
	return nil
}

// Writer appends to a log. Its methods may be called by several goroutines.
type Writer struct {
	mem   []byte
	count atomic.Int64 // stamps taken; may exceed the capacity
	last  atomic.Int64 // time of the last stamp
}

// Open maps the log at path, which Create has created. There is no Close: the
// mapping ends with the victim.
func Open(path string) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("progress: open log: %w", err)
	}
	defer f.Close()
	mem, err := syscall.Mmap(int(f.Fd()), 0, capacity*stampSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("progress: map log %s: %w", path, err)
	}
	return &Writer{mem: mem}, nil
}

// Note records that leaked had leaked at now, unless the last stamp is younger than
// [Every].
func (w *Writer) Note(now time.Time, leaked int64) {
	at, last := now.UnixNano(), w.last.Load()
	if at-last < int64(Every) || !w.last.CompareAndSwap(last, at) {
		return
	}
	i := min(w.count.Add(1)-1, capacity-1) * stampSize
	// Store the time last: a stamp without one was interrupted by the kill.
	atomic.StoreInt64((*int64)(unsafe.Pointer(&w.mem[i+8])), leaked)
	atomic.StoreInt64((*int64)(unsafe.Pointer(&w.mem[i])), at)
}

// Read returns the complete stamps of the log at path, oldest first.
func Read(path string) ([]Stamp, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("progress: read log: %w", err)
	}
	var stamps []Stamp
	for ; len(data) >= stampSize; data = data[stampSize:] {
		if at := binary.NativeEndian.Uint64(data); at != 0 {
			stamps = append(stamps, Stamp{time.Unix(0, int64(at)), int64(binary.NativeEndian.Uint64(data[8:]))})
		}
	}
	slices.SortStableFunc(stamps, func(a, b Stamp) int { return a.At.Compare(b.At) })
	return stamps, nil
}
