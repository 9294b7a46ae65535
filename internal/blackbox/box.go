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
	// busyTries is how often to try a lock that a finder may be holding briefly.
	busyTries = 50
)

// IsName reports whether name is that of a box or of a panic's trace.
func IsName(name string) bool {
	id, ok := strings.CutPrefix(name, prefix)
	if !ok {
		id, ok = strings.CutPrefix(name, crashPrefix)
	}
	return ok && validID(id)
}

// validID reports whether id consists of a time, a pid and four hexadecimal digits.
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

// living holds the names of this process's own boxes. Where locks do not work, a
// guard must not mistake its own box, or another guard's, for one of a dead
// process.
var living sync.Map

// Box is the black box of the running process.
type Box struct {
	dir  string
	file *os.File // holds the lock; the only descriptor that a box needs
	name string
	slot [slotSize]byte
	note [noteSize]byte

	recent, minute, notes ring
	nextMinute            time.Time
}

// ring tracks where the next slot of a ring goes.
type ring struct {
	at, size, count int64
	seq             uint64
}

func (r *ring) next() (seq uint64, at int64) {
	at = r.at + int64(r.seq%uint64(r.count))*r.size
	r.seq++
	return r.seq, at
}

// Create creates this process's box in a folder. If crash is true, it also creates
// the file for the trace of a panic; see [Box.Crash]. On an error it leaves nothing
// behind.
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
	defer root.Close()
	b := &Box{dir: root.Name()}
	defer func() {
		if err != nil {
			living.Delete(b.name)
			b.file.Close() // closing nil fails harmlessly
			if b.name != "" {
				root.Remove(b.name)
				root.Remove(crashName(b.name))
			}
		}
	}()
	if err := b.claim(root, h); err != nil {
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
	// Write each page once, so that later samples find a block on a full disk and a
	// page in a full cgroup.
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

// claim creates the file and locks it while it is still empty: a finder does not
// touch an empty file.
func (b *Box) claim(root *os.Root, h Header) (err error) {
	for {
		name := fmt.Sprintf("%s%s-%d-%04x", prefix, h.Started.UTC().Format(stampLayout), h.PID, rand.Uint32()&0xffff)
		b.file, err = root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
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
		// Without locks, finders go by age.
		if taken, err := filelock.Try(b.file); taken || err != nil {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return errors.New("another process holds its lock")
}

func crashName(box string) string { return crashPrefix + strings.TrimPrefix(box, prefix) }

// ID returns the unique part of the box's name.
func (b *Box) ID() string { return strings.TrimPrefix(b.name, prefix) }

// Crash creates the file for the trace of a panic and opens it for appending. The
// caller must close it.
func (b *Box) Crash() (*os.File, error) {
	root, err := b.open()
	if err != nil {
		return nil, fmt.Errorf("blackbox: %w", err)
	}
	defer root.Close()
	f, err := root.OpenFile(crashName(b.name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("blackbox: %w", err)
	}
	return f, nil
}

// open opens the box's folder, unless the box was removed from it.
func (b *Box) open() (*os.Root, error) {
	root, err := os.OpenRoot(b.dir)
	if err != nil {
		return nil, err
	}
	ours, err := b.file.Stat()
	if err == nil {
		var there fs.FileInfo
		if there, err = root.Lstat(b.name); err == nil && !os.SameFile(ours, there) {
			err = fmt.Errorf("%s in %s was replaced", b.name, b.dir)
		}
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return root, nil
}

// Sample writes a sample, its values in the order of Header.Columns. Values beyond
// MostColumns are dropped. Sample allocates nothing.
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
	if at.Before(b.nextMinute) && b.nextMinute.Sub(at) <= time.Minute { // if it is later, the clock was set back
		return nil
	}
	b.nextMinute = at.Add(time.Minute)
	seq, offset = b.minute.next()
	putSlot(b.slot[:], len(values), seq, at)
	_, err := b.file.WriteAt(b.slot[:], offset)
	return err
}

// Note writes a text, such as a decision and its reason, cut to MostText bytes. It
// allocates nothing.
func (b *Box) Note(at time.Time, text string) error {
	n := copy(b.note[slotHead:], text)
	clear(b.note[slotHead+n:])
	seq, offset := b.notes.next()
	putSlot(b.note[:], n, seq, at)
	_, err := b.file.WriteAt(b.note[:], offset)
	return err
}

// Rest announces that nothing will be written before until. It is meant for finders
// that judge by the file's age whether this process is alive.
func (b *Box) Rest(until time.Time) error {
	root, err := b.open()
	if err != nil {
		return err
	}
	defer root.Close()
	return root.Chtimes(b.name, until, until)
}

// Leave marks a clean exit. The box can still be written to until it is closed.
func (b *Box) Leave() error {
	_, err := b.file.WriteAt(encodeState(stateClean), stateAt)
	return err
}

// Close marks a clean exit and removes the box. If a file for a panic's trace was
// created, both files stay: a panic may be ending the process after a deferred call
// has closed the box, and the box says whose trace it is. Close can be called more
// than once.
func (b *Box) Close() error {
	if b.file == nil {
		return nil
	}
	err := b.Leave()
	switch root, oerr := b.open(); {
	case errors.Is(oerr, fs.ErrNotExist): // the box was removed, or its folder
	case oerr != nil:
		err = errors.Join(err, oerr)
	default:
		if _, serr := root.Lstat(crashName(b.name)); serr != nil {
			err = errors.Join(err, removeClosed(root, b.name, b.file))
		}
		err = errors.Join(err, root.Close())
	}
	err = errors.Join(err, ignoreClosed(b.file.Close()))
	b.file = nil
	living.Delete(b.name)
	if err != nil {
		return fmt.Errorf("blackbox: close %s: %w", b.name, err)
	}
	return nil
}

// removeClosed removes an open file. Windows requires it to be closed first.
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
