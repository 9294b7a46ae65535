package blackbox

import (
	"cmp"
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
// reported once. It holds one file descriptor, and must be closed before its Look.
type Found struct {
	root *os.Root // of the Look
	file *os.File
	name string
	// Record has Header, Clean and Told; the rest comes with [Found.Load].
	Record Record
	// Err is why the box cannot be read; [ErrNewer] if its format is newer.
	Err error
	// Modified is when the file was last written, by the file system's clock.
	Modified time.Time
	// Crash is the beginning of the trace that the runtime wrote of a fatal panic. It
	// is "" if there was no panic or no file for its trace. It comes with Load.
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

// Look goes through the boxes of dead processes in a folder, from the one written last to
// the oldest. It opens one at a time and reads only its head, so even thousands of boxes
// cost few descriptors and little memory.
type Look struct {
	// Again is how long to wait before another process may count as dead; zero if there
	// is none. Some network file systems and Windows have no usable locks, or locks that
	// work on one host only. There a process counts as dead once it has stopped writing.
	Again time.Duration

	root *os.Root
	boot string
	now  time.Time
	list []candidate
}

type candidate struct {
	name string
	info fs.FileInfo
}

// NewLook lists the boxes in a folder. boot identifies this boot of the kernel. For a box
// of another boot a free lock is not enough, because it may be held on another host that
// shares the volume. The caller must close the Look.
func NewLook(dir, boot string) (*Look, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("blackbox: %w", err)
	}
	l := &Look{root: root, boot: boot, now: time.Now()}
	d, err := root.Open(".")
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("blackbox: %w", err)
	}
	names, err := d.Readdirnames(-1)
	d.Close()
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("blackbox: %w", err)
	}
	for _, name := range names {
		if !strings.HasPrefix(name, prefix) || !IsName(name) {
			continue
		}
		if _, ours := living.Load(name); ours {
			continue
		}
		if fi, err := root.Lstat(name); err == nil && fi.Mode().IsRegular() {
			l.list = append(l.list, candidate{name, fi})
		}
	}
	slices.SortFunc(l.list, func(a, b candidate) int {
		return cmp.Or(b.info.ModTime().Compare(a.info.ModTime()), strings.Compare(b.name, a.name))
	})
	return l, nil
}

// Next returns the next box of a dead process; nil if there are no more. The caller
// closes or removes it. Boxes of processes that ended in an orderly way are removed.
func (l *Look) Next() *Found {
	for len(l.list) > 0 {
		c := l.list[0]
		l.list = l.list[1:]
		f, wait := l.open(c)
		l.Again = max(l.Again, wait)
		if f == nil {
			continue
		}
		if f.Err == nil && f.Record.Clean && !f.traced() {
			f.Remove()
			continue
		}
		return f
	}
	return nil
}

// Close ends the look.
func (l *Look) Close() error { return l.root.Close() }

// open opens a box and takes its lock. It returns nil if its process lives, or if that
// cannot be known until the time in wait has passed.
func (l *Look) open(c candidate) (f *Found, wait time.Duration) {
	file, err := l.root.OpenFile(c.name, os.O_RDWR, 0)
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
	// Only the holder of the lock of the file of that name may remove it.
	there, err := l.root.Lstat(c.name)
	if err != nil || !os.SameFile(c.info, there) {
		return nil, 0
	}
	head := make([]byte, headSize)
	n, err := file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, 0
	}
	f = &Found{root: l.root, file: file, name: c.name, Modified: there.ModTime()}
	h, state, err := decodeHead(head[:n])
	f.Record.Header, f.Record.Clean, f.Record.Told = h, state == stateClean, state == stateTold
	age := l.now.Sub(f.Modified)
	if err != nil {
		f.Err = fmt.Errorf("blackbox: %w", err)
		if !errors.Is(err, ErrNewer) && age < inTheMaking && empty(head[:n]) {
			return nil, 0
		}
		return f, 0
	}
	if lockErr != nil || l.boot != h.Boot {
		if silent := 3*h.Every + slack; !f.Record.Clean && age < silent {
			return nil, silent - age + time.Second
		}
	}
	return f, 0
}

// Load reads all that the box holds, and the trace of a panic.
func (f *Found) Load() error {
	data, err := io.ReadAll(io.LimitReader(f.file, mostBytes+1))
	if err != nil {
		return fmt.Errorf("blackbox: %w", err)
	}
	if f.Record, err = Read(data); err != nil {
		return err
	}
	f.Crash = readCrash(f.root, f.Record.Header.Crash)
	return nil
}

// traced reports whether the runtime has written the trace of a panic.
func (f *Found) traced() bool {
	name := f.Record.Header.Crash
	if name == "" || !IsName(name) {
		return false
	}
	fi, err := f.root.Lstat(name)
	return err == nil && fi.Mode().IsRegular() && fi.Size() > 0
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

// Read reads a box. Torn slots are left out and counted. Values beyond the number that
// a slot states, and text beyond its end, are ignored.
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

// Close gives the box back, as it is.
func (f *Found) Close() error { return ignoreClosed(f.file.Close()) }
