package blackbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/filelock"
)

const (
	// mostCrash is how many bytes of a panic's trace are read. The goroutine that
	// panicked comes first.
	mostCrash = 64 << 10
	// inTheMaking is the age up to which a box without a header is left alone: its
	// process may be just starting, or its disk may hang.
	inTheMaking = time.Hour
	// slack is how late a sample may be before its process counts as dead, where
	// locks do not work.
	slack = 10 * time.Second
)

// Found is the box of a dead process. It holds the box's lock, so that the death is
// reported once.
type Found struct {
	root   *os.Root
	file   *os.File
	name   string
	Record Record
	// Err is why the box cannot be read; [ErrNewer] if its format is newer.
	Err error
	// Modified is when the file was last written, by the file system's clock.
	Modified time.Time
	// Crash is the beginning of the trace that the runtime wrote of a fatal panic. It
	// is "" if there was no panic or no file for its trace.
	Crash string
}

// Record is the content of a box.
type Record struct {
	Header Header
	// Clean reports a clean exit, and Told that the death has been reported.
	Clean, Told bool
	// Recent holds the last samples, Minutes one sample a minute, and Notes the last
	// notes, each oldest first.
	Recent, Minutes []Sample
	Notes           []Note
	// Torn is the number of half-written slots. Only a system crash leaves any,
	// usually one.
	Torn int
}

// Sample is one sample, its values in the order of Header.Columns.
type Sample struct {
	Time   time.Time
	Values []int64
}

// Note is one note.
type Note struct {
	Time time.Time
	Text string
}

// Last returns the time of the last sign of life, or zero if there is none.
func (r *Record) Last() (t time.Time) {
	if n := len(r.Recent); n > 0 {
		t = r.Recent[n-1].Time
	}
	if n := len(r.Notes); n > 0 && r.Notes[n-1].Time.After(t) {
		t = r.Notes[n-1].Time
	}
	return t
}

// Find returns the boxes of dead processes in a folder, oldest first. The caller
// must close them. It removes the boxes of processes that exited cleanly.
//
// Some network file systems and Windows have no usable locks, or locks that work on
// one host only. There a process counts as dead once it has stopped writing, and
// again is how long to wait before another may count as dead. boot identifies this
// boot of the kernel. For a box with another boot a free lock is not enough,
// because it may be held on another host that shares the volume.
func Find(dir, boot string) (dead []*Found, again time.Duration, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, 0, fmt.Errorf("blackbox: %w", err)
	}
	defer root.Close()
	d, err := root.Open(".")
	if err != nil {
		return nil, 0, fmt.Errorf("blackbox: %w", err)
	}
	names, err := d.Readdirnames(-1)
	d.Close()
	if err != nil {
		return nil, 0, fmt.Errorf("blackbox: %w", err)
	}
	now := time.Now()
	for _, name := range slices.Sorted(slices.Values(names)) {
		if !strings.HasPrefix(name, prefix) || !IsName(name) {
			continue
		}
		if _, ours := living.Load(name); ours {
			continue
		}
		f, wait := open(root, name, boot, now)
		again = max(again, wait)
		if f == nil {
			continue
		}
		if f.root, err = os.OpenRoot(dir); err != nil {
			f.file.Close()
			continue
		}
		if f.Err == nil && f.Record.Clean && f.Crash == "" {
			f.Remove()
			continue
		}
		dead = append(dead, f)
	}
	return dead, again, nil
}

// open opens a box and locks it. It returns nil if the process is alive, or may be;
// then wait is how long to wait before trying again.
func open(root *os.Root, name, boot string, now time.Time) (f *Found, wait time.Duration) {
	before, err := root.Lstat(name)
	if err != nil || !before.Mode().IsRegular() {
		return nil, 0
	}
	file, err := root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, 0
	}
	defer func() {
		if f == nil {
			file.Close()
		}
	}()
	taken, lockErr := filelock.Try(file)
	if lockErr == nil && !taken {
		return nil, 0
	}
	// Only the holder of the lock of the file with this name may remove it.
	there, err := root.Lstat(name)
	if err != nil || !os.SameFile(before, there) {
		return nil, 0
	}
	data, err := io.ReadAll(io.LimitReader(file, mostBytes+1))
	if err != nil {
		return nil, 0
	}
	f = &Found{file: file, name: name, Modified: there.ModTime()}
	f.Record, f.Err = Read(data)
	age := now.Sub(f.Modified)
	if f.Err != nil {
		if !errors.Is(f.Err, ErrNewer) && age < inTheMaking && empty(data) {
			return nil, 0
		}
		return f, 0
	}
	h := &f.Record.Header
	if lockErr != nil || boot != h.Boot {
		if silent := 3*h.Every + slack; !f.Record.Clean && age < silent {
			return nil, silent - age + time.Second
		}
	}
	f.Crash = readCrash(root, h.Crash)
	return f, 0
}

// empty reports whether nothing has been written yet.
func empty(data []byte) bool {
	return len(data) < headSize || binary.LittleEndian.Uint64(data) == 0
}

func readCrash(root *os.Root, name string) string {
	if name == "" || !IsName(name) {
		return ""
	}
	if fi, err := root.Lstat(name); err != nil || !fi.Mode().IsRegular() {
		return ""
	}
	f, err := root.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, mostCrash))
	return string(text)
}

// Read decodes a box. Torn slots are skipped and counted. Values and text beyond
// the length that a slot states are ignored.
func Read(data []byte) (r Record, err error) {
	h, state, err := decodeHead(data)
	if err != nil {
		return r, fmt.Errorf("blackbox: %w", err)
	}
	size, err := h.bytes()
	if err != nil {
		return r, fmt.Errorf("blackbox: %w", err)
	}
	r.Header, r.Clean, r.Told = h, state == stateClean, state == stateTold
	if len(data) < size {
		// A truncated file reads as if the rest were zero: never written.
		data = append(data[:len(data):len(data)], make([]byte, size-len(data))...)
	}
	at := headSize
	part := func(slot, count int) []slotView {
		ring := data[at : at+slot*count]
		at += slot * count
		slots, torn := readRing(ring, slot, count)
		r.Torn += torn
		return slots
	}
	samples := func(slots []slotView) (list []Sample) {
		for _, s := range slots {
			n := min(s.used, len(s.data)/8, len(h.Columns))
			values := make([]int64, n)
			for i := range values {
				values[i] = int64(binary.LittleEndian.Uint64(s.data[8*i:]))
			}
			list = append(list, Sample{Time: s.at, Values: values})
		}
		return list
	}
	r.Recent = samples(part(h.Slot, h.Recent))
	r.Minutes = samples(part(h.Slot, h.Minute))
	for _, s := range part(h.Text, h.Notes) {
		r.Notes = append(r.Notes, Note{Time: s.at, Text: strings.ToValidUTF8(string(s.data[:min(s.used, len(s.data))]), "?")})
	}
	return r, nil
}

// ID returns the unique part of the box's name.
func (f *Found) ID() string { return strings.TrimPrefix(f.name, prefix) }

// Tell marks the box as reported. The death is then not reported again even if this
// process dies before it removes the box.
func (f *Found) Tell() error {
	_, err := f.file.WriteAt(encodeState(stateTold), stateAt)
	return err
}

// Remove removes the box and the files that belong to it, and closes it.
func (f *Found) Remove() error {
	errs := []error{removeClosed(f.root, f.name, f.file)}
	if err := f.root.Remove(crashName(f.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	errs = append(errs, f.Close())
	return errors.Join(errs...)
}

// Close releases the box and leaves it as it is.
func (f *Found) Close() error {
	return errors.Join(ignoreClosed(f.file.Close()), f.root.Close())
}
