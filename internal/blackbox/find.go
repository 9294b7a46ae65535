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
	// mostCrash is how much of a panic's trace is read, in bytes: the goroutine
	// that panicked comes first.
	mostCrash = 64 << 10
	// inTheMaking is the age up to which a box without a header is somebody's who
	// has just begun, or writes to a disk that hangs.
	inTheMaking = time.Hour
	// slack is by how much a sample may be late before its process counts as dead,
	// where no lock tells.
	slack = 10 * time.Second
)

// Found is the box of a process that is dead. Whoever has it holds its lock, so it
// is reported once.
type Found struct {
	root   *os.Root
	file   *os.File
	name   string
	Record Record
	// Err is why the box cannot be read; [ErrNewer] where it is a newer version's.
	Err error
	// Modified is when the file was last written to, by the file system's clock.
	Modified time.Time
	// Crash is the beginning of what the runtime wrote of a fatal panic; "" where
	// there was none, or nobody asked for it.
	Crash string
}

// Record is what a box holds.
type Record struct {
	Header Header
	// Clean says that the process took its leave; Told that its death was
	// reported.
	Clean, Told bool
	// Recent are the last samples, Minutes one a minute, Notes the last notes,
	// oldest first each.
	Recent, Minutes []Sample
	Notes           []Note
	// Torn is how many slots were half written: the last one, usually, and only
	// where the system crashed.
	Torn int
}

// Sample is one sample; its values are in the order of Header.Columns.
type Sample struct {
	Time   time.Time
	Values []int64
}

// Note is one note.
type Note struct {
	Time time.Time
	Text string
}

// Last is the time of the last sign of life; zero where there was none.
func (r *Record) Last() (t time.Time) {
	if n := len(r.Recent); n > 0 {
		t = r.Recent[n-1].Time
	}
	if n := len(r.Notes); n > 0 && r.Notes[n-1].Time.After(t) {
		t = r.Notes[n-1].Time
	}
	return t
}

// Find returns the boxes in a folder whose process is dead, oldest first, and for
// how long to wait before another may be known to be: where no lock tells who
// lives, on some network file systems and on Windows, or only on this host, a
// process that writes no more counts as dead. boot is this run of the kernel: of a
// box of another one the lock alone is not believed, for it may be held on another
// host of a shared volume. The caller closes what it gets.
//
// Boxes of processes that took their leave are removed.
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

// open opens a box and takes its lock; nil if its process lives, or is too young to
// tell, for as long as wait says.
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
	// Whoever has the lock of the file of that name, and nobody else, removes it.
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

// empty reports whether nothing was written yet.
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

// Read reads a box. What is torn is left out and counted; values beyond those that
// a slot says it has, and texts beyond its end, are not there.
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
		// Cut short: what is missing is zero, never written.
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

// ID is the unique part of the box's name.
func (f *Found) ID() string { return strings.TrimPrefix(f.name, prefix) }

// Tell marks the box as reported, so that it is not again if this process dies
// before it can remove it.
func (f *Found) Tell() error {
	_, err := f.file.WriteAt(encodeState(stateTold), stateAt)
	return err
}

// Remove removes the box with what belongs to it, and gives it back.
func (f *Found) Remove() error {
	errs := []error{removeClosed(f.root, f.name, f.file)}
	if err := f.root.Remove(crashName(f.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	errs = append(errs, f.Close())
	return errors.Join(errs...)
}

// Close gives the box back, as it is.
func (f *Found) Close() error {
	return errors.Join(ignoreClosed(f.file.Close()), f.root.Close())
}
