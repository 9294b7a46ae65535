package blackbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/leakguard/leakguard/internal/filelock"
)

const (
	prefix      = "blackbox-"
	crashPrefix = "crash-"
	stampLayout = "20060102T150405.000Z"
	// busyTries is how often a lock is tried that a finder has for the moment of
	// asking.
	busyTries = 50
)

// IsName reports whether a file of that name is a box or the trace of a panic.
func IsName(name string) bool {
	id, ok := strings.CutPrefix(name, prefix)
	if !ok {
		id, ok = strings.CutPrefix(name, crashPrefix)
	}
	return ok && validID(id)
}

// validID reports whether it is time, pid and four hexadecimal digits.
func validID(id string) bool {
	if len(id) < len(stampLayout)+len("-1-0000") {
		return false
	}
	at, err := time.Parse(stampLayout, id[:len(stampLayout)])
	if err != nil || at.Format(stampLayout) != id[:len(stampLayout)] {
		return false
	}
	pid, token, ok := strings.Cut(id[len(stampLayout):], "-")
	if !ok || pid != "" {
		return false
	}
	pid, token, ok = strings.Cut(token, "-")
	return ok && len(pid) <= 20 && only(pid, "0123456789") && len(token) == 4 && only(token, "0123456789abcdef")
}

func only(s, set string) bool { return s != "" && strings.Trim(s, set) == "" }

// living has the names of this process's own boxes: where no lock tells, a guard of
// it must not take them, or another guard's, for those of a process that is silent.
var living sync.Map

// Box is the black box of this process.
type Box struct {
	root *os.Root
	file *os.File // holds the lock
	name string
	slot [slotSize]byte
	note [noteSize]byte

	recent, minute, notes ring
	nextMinute            time.Time
}

// ring is where the next slot of a ring goes.
type ring struct {
	at, size, count int64
	seq             uint64
}

func (r *ring) next() (seq uint64, at int64) {
	at = r.at + int64(r.seq%uint64(r.count))*r.size
	r.seq++
	return r.seq, at
}

// Create makes the box of this process in a folder. With crash it also makes the
// file for the trace of a panic, see [Box.Crash]. On an error nothing is left.
func Create(dir string, h Header, crash bool) (_ *Box, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("blackbox: create in %s: %w", dir, err)
		}
	}()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	b := &Box{root: root}
	defer func() {
		if err != nil {
			living.Delete(b.name)
			b.file.Close() // nil is an error, and harmless
			if b.name != "" {
				root.Remove(b.name)
				root.Remove(crashName(b.name))
			}
			root.Close()
		}
	}()
	if err := b.claim(h); err != nil {
		return nil, err
	}
	h.layout, h.Crash = ours, ""
	if crash {
		h.Crash = crashName(b.name)
	}
	head, err := encodeHead(h)
	if err != nil {
		return nil, err
	}
	size, err := ours.bytes()
	if err != nil {
		return nil, err
	}
	// Each page is written once: later a sample must find its block on a full
	// disk, and its page in a full cgroup.
	whole := make([]byte, size)
	copy(whole, head)
	if _, err := b.file.WriteAt(whole, 0); err != nil {
		return nil, err
	}
	b.recent = ring{at: headSize, size: slotSize, count: recentSlots}
	b.minute = ring{at: b.recent.at + recentSlots*slotSize, size: slotSize, count: minuteSlots}
	b.notes = ring{at: b.minute.at + minuteSlots*slotSize, size: noteSize, count: noteSlots}
	return b, nil
}

// claim makes the file and takes its lock, before anything is in it: a finder
// leaves an empty one alone.
func (b *Box) claim(h Header) (err error) {
	for {
		name := fmt.Sprintf("%s%s-%d-%04x", prefix, h.Started.UTC().Format(stampLayout), h.PID, rand.Uint32()&0xffff)
		b.file, err = b.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		b.name = name
		living.Store(name, true)
		break
	}
	for range busyTries {
		// Where there are no locks, age tells.
		if taken, err := filelock.Try(b.file); taken || err != nil {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return errors.New("another process does not let go of it")
}

func crashName(box string) string { return crashPrefix + strings.TrimPrefix(box, prefix) }

// ID is the unique part of the box's name.
func (b *Box) ID() string { return strings.TrimPrefix(b.name, prefix) }

// Crash makes the file for the trace of a panic and opens it for appending. The
// caller closes it.
func (b *Box) Crash() (*os.File, error) {
	f, err := b.root.OpenFile(crashName(b.name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("blackbox: %w", err)
	}
	return f, nil
}

// Sample writes a sample; its values are in the order of Header.Columns, and more
// than MostColumns are cut off. It allocates nothing.
func (b *Box) Sample(at time.Time, values []int64) error {
	values = values[:min(len(values), MostColumns)]
	for i, v := range values {
		binary.LittleEndian.PutUint64(b.slot[slotHead+8*i:], uint64(v))
	}
	seq, offset := b.recent.next()
	putSlot(b.slot[:], len(values), seq, at)
	if _, err := b.file.WriteAt(b.slot[:], offset); err != nil {
		return err
	}
	if at.Before(b.nextMinute) && b.nextMinute.Sub(at) <= time.Minute { // else the clock was set back
		return nil
	}
	b.nextMinute = at.Add(time.Minute)
	seq, offset = b.minute.next()
	putSlot(b.slot[:], len(values), seq, at)
	_, err := b.file.WriteAt(b.slot[:], offset)
	return err
}

// Note writes a text, such as a decision and why. What is longer than MostText is
// cut. It allocates nothing.
func (b *Box) Note(at time.Time, text string) error {
	n := copy(b.note[slotHead:], text)
	clear(b.note[slotHead+n:])
	seq, offset := b.notes.next()
	putSlot(b.note[:], n, seq, at)
	_, err := b.file.WriteAt(b.note[:], offset)
	return err
}

// Rest says that nothing is going to be written for so long, to those who judge by
// the file's age whether this process lives.
func (b *Box) Rest(until time.Time) error { return b.root.Chtimes(b.name, until, until) }

// Leave says that the process takes its leave. The box may be written to until it is
// closed.
func (b *Box) Leave() error {
	_, err := b.file.WriteAt(encodeState(stateClean), stateAt)
	return err
}

// Close says that the process took its leave, and removes the box. The file of a
// panic's trace stays if it was made: a panic may be what ends the process, after
// what it had deferred has closed the box. Then the box stays, too, to tell whose
// it is.
func (b *Box) Close() error {
	if b.file == nil {
		return nil
	}
	err := b.Leave()
	if _, serr := b.root.Lstat(crashName(b.name)); serr != nil {
		err = errors.Join(err, removeClosed(b.root, b.name, b.file))
	}
	err = errors.Join(err, ignoreClosed(b.file.Close()), b.root.Close())
	b.file = nil
	living.Delete(b.name)
	if err != nil {
		return fmt.Errorf("blackbox: close %s: %w", b.name, err)
	}
	return nil
}

// removeClosed removes an open file, which on Windows has to be closed for it.
func removeClosed(root *os.Root, name string, f *os.File) error {
	err := root.Remove(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	f.Close()
	if err = root.Remove(name); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
