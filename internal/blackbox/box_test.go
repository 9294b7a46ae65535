package blackbox

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/filelock"
	"github.com/leakguard/leakguard/internal/testenv"
)

var started = time.Date(2026, 11, 20, 10, 15, 30, 123e6, time.UTC)

func testHeader() Header {
	return Header{
		PID: 1, Started: started, Boot: "boot", Host: "host", Group: "/", GroupID: "7", Every: time.Second,
		Columns: []string{"memory", "limit"}, About: json.RawMessage(`{"service":"shop"}`),
	}
}

// create makes a box that the test closes, or abandons like a killed process.
func create(t testing.TB, dir string, crash bool) *Box {
	t.Helper()
	b, err := Create(dir, testHeader(), crash)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.abandon() })
	return b
}

// abandon does what the kernel does for a killed process.
func (b *Box) abandon() {
	if b.file != nil {
		b.file.Close()
		b.file = nil
		living.Delete(b.name)
	}
}

func needLocks(t testing.TB) {
	t.Helper()
	d, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	_, err = filelock.Try(d)
	testenv.Need(t, !errors.Is(err, errors.ErrUnsupported), "locks of files")
}

// find returns the dead boxes of a folder.
func find(t testing.TB, dir, boot string) []*Found {
	t.Helper()
	found, _, err := findAgain(t, dir, boot)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// findAgain also returns when to look again.
func findAgain(t testing.TB, dir, boot string) (found []*Found, again time.Duration, err error) {
	l, err := NewLook(dir, boot)
	if err != nil {
		return nil, 0, err
	}
	t.Cleanup(func() { l.Close() })
	for f := l.Next(); f != nil; f = l.Next() {
		t.Cleanup(func() { f.Close() })
		if f.Err == nil {
			f.Err = f.Load()
		}
		found = append(found, f)
	}
	return found, l.Again, nil
}

func names(t testing.TB, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestWhatADeadProcessKnew(t *testing.T) {
	needLocks(t)
	dir := t.TempDir()
	b := create(t, dir, false)
	const samples = recentSlots + 100
	for i := range samples {
		if err := b.Sample(started.Add(time.Duration(i)*time.Second), []int64{int64(i), -1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Note(started, "opened: memory"); err != nil {
		t.Fatal(err)
	}
	if err := b.Note(started, strings.Repeat("x", 2*MostText)); err != nil {
		t.Fatal(err)
	}
	if found := find(t, dir, "boot"); len(found) != 0 {
		t.Fatalf("%d boxes found; its owner lives", len(found))
	}
	b.abandon()

	found := find(t, dir, "boot")
	if len(found) != 1 || found[0].Err != nil {
		t.Fatalf("got %+v, want one box", found)
	}
	r := found[0].Record
	if h := testHeader(); r.Header.PID != h.PID || !r.Header.Started.Equal(h.Started) || r.Header.GroupID != "7" || !bytes.Equal(r.Header.About, h.About) {
		t.Errorf("header %+v", r.Header)
	}
	if r.Clean || r.Told || r.Torn != 0 {
		t.Errorf("clean %v, told %v, torn %d", r.Clean, r.Told, r.Torn)
	}
	if len(r.Recent) != recentSlots {
		t.Fatalf("%d samples, want %d", len(r.Recent), recentSlots)
	}
	for i, s := range r.Recent {
		want := int64(samples - recentSlots + i)
		if s.Values[0] != want || s.Values[1] != -1 || !s.Time.Equal(started.Add(time.Duration(want)*time.Second)) {
			t.Fatalf("sample %d is %+v, want value %d", i, s, want)
		}
	}
	if n := (samples + 59) / 60; len(r.Minutes) != n || r.Minutes[0].Values[0] != 0 || r.Minutes[1].Values[0] != 60 {
		t.Errorf("%d samples of minutes, want %d: %+v", len(r.Minutes), n, r.Minutes)
	}
	if len(r.Notes) != 2 || r.Notes[0].Text != "opened: memory" || len(r.Notes[1].Text) != MostText {
		t.Errorf("notes %+v", r.Notes)
	}
	if !r.Last().Equal(started.Add((samples - 1) * time.Second)) {
		t.Errorf("last sign of life %v", r.Last())
	}

	// Nobody else gets the box until it is closed. Then it is reported once.
	if again := find(t, dir, "boot"); len(again) != 0 {
		t.Errorf("%d boxes found while one finder has it", len(again))
	}
	if err := errors.Join(found[0].Tell(), found[0].Close()); err != nil {
		t.Fatal(err)
	}
	again := find(t, dir, "boot")
	if len(again) != 1 || !again[0].Record.Told {
		t.Fatalf("got %+v, want one that was told", again)
	}
	if err := again[0].Remove(); err != nil {
		t.Fatal(err)
	}
	if left := names(t, dir); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
}

func TestCloseIsClean(t *testing.T) {
	needLocks(t)
	dir := t.TempDir()
	b := create(t, dir, false)
	if err := errors.Join(b.Close(), b.Close()); err != nil {
		t.Fatal(err)
	}
	if left := names(t, dir); len(left) != 0 {
		t.Errorf("left: %q", left)
	}

	// With a crash file the box stays, but counts only if that file has content.
	for _, trace := range []string{"", "panic: boom\n"} {
		b := create(t, dir, true)
		f, err := b.Crash()
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(f, trace)
		f.Close()
		found := find(t, dir, "boot")
		if len(found) != len(trace[:min(len(trace), 1)]) {
			t.Fatalf("%d boxes found, crash file %q", len(found), trace)
		}
		for _, f := range found {
			if f.Crash != trace || !f.Record.Clean {
				t.Errorf("crash %q, clean %v", f.Crash, f.Record.Clean)
			}
			if err := f.Remove(); err != nil {
				t.Fatal(err)
			}
		}
		if left := names(t, dir); len(left) != 0 {
			t.Errorf("left: %q", left)
		}
	}
}

func TestOfAnotherBootAgeTells(t *testing.T) {
	needLocks(t)
	dir := t.TempDir()
	b := create(t, dir, false)
	b.abandon() // only this host can know that the lock is free
	found, again, err := findAgain(t, dir, "another boot")
	if err != nil || len(found) != 0 || again <= 0 || again > time.Minute {
		t.Fatalf("got %d boxes, again after %v, %v; it was written to a moment ago", len(found), again, err)
	}
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(filepath.Join(dir, b.name), old, old); err != nil {
		t.Fatal(err)
	}
	if found := find(t, dir, "another boot"); len(found) != 1 {
		t.Errorf("%d boxes found, want the one that is silent", len(found))
	}
}

// Without locks, a box that rests is not a dead process's, and a guard's own box
// never is, however silent.
func TestWhoRestsLives(t *testing.T) {
	needLocks(t)
	dir := t.TempDir()
	b := create(t, dir, false)
	if err := b.Rest(time.Now().Add(10 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	b.abandon()
	found, again, err := findAgain(t, dir, "another boot")
	if err != nil || len(found) != 0 || again < 9*time.Minute || again > 11*time.Minute {
		t.Errorf("got %d boxes, again after %v, %v; it rests for 10 minutes", len(found), again, err)
	}

	dir = t.TempDir()
	b = create(t, dir, false)
	b.file.Close() // makes the lock useless
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, b.name), old, old); err != nil {
		t.Fatal(err)
	}
	if found, again, err := findAgain(t, dir, "another boot"); err != nil || len(found) != 0 || again != 0 {
		t.Errorf("got %d boxes, again after %v, %v; it is this process's own", len(found), again, err)
	}
}

func TestForeignFilesAreLeftAlone(t *testing.T) {
	needLocks(t)
	dir := t.TempDir()
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	ours := "20261120T101530.123Z-17-7f3a"
	for name, content := range map[string]string{"blackbox-": "x", "blackbox-mine": "x", "blackbox-" + ours + ".old": "x", "incident": "x", "blackbox-" + ours: ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(victim, filepath.Join(dir, "blackbox-20261120T101530.124Z-17-7f3a")); err != nil {
		t.Fatal(err)
	}
	if found := find(t, dir, "boot"); len(found) != 0 {
		t.Errorf("found %d, first %s: %v", len(found), found[0].name, found[0].Err)
	}
	if n := len(names(t, dir)); n != 6 {
		t.Errorf("%d files left of 6", n)
	}
}

func TestNames(t *testing.T) {
	b := create(t, t.TempDir(), false)
	for _, name := range []string{b.name, crashName(b.name), "blackbox-20261120T101530.123Z-17-7f3a"} {
		if !IsName(name) {
			t.Errorf("%q is one of ours", name)
		}
	}
	for _, name := range []string{"", "blackbox-", "blackbox-x", "blackbox-20261120T101530.123Z-17-7f3x", "blackbox-20261120T101530.123Z-x-7f3a", "blackbox-20261120T101530.123Z17-7f3a",
		"blackbox-20261320T101530.123Z-17-7f3a", "blackbox-20261120T101530,123Z-17-7f3a", "box-20261120T101530.123Z-17-7f3a"} {
		if IsName(name) {
			t.Errorf("%q is none of ours", name)
		}
	}
}

func TestTornAndForeignContent(t *testing.T) {
	dir := t.TempDir()
	b := create(t, dir, false)
	for i := range 3 {
		if err := b.Sample(started.Add(time.Duration(i)*time.Second), []int64{int64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(filepath.Join(dir, b.name))
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(data []byte) []byte) []byte { return f(bytes.Clone(whole)) }
	type result struct{ samples, torn int }
	for name, tt := range map[string]struct {
		data []byte
		want result
	}{
		"whole":             {whole, result{3, 0}},
		"a slot half":       {change(func(d []byte) []byte { d[headSize+2*slotSize+30] ^= 1; return d }), result{2, 1}},
		"a slot misplaced":  {change(func(d []byte) []byte { copy(d[headSize+5*slotSize:], d[headSize:headSize+slotSize]); return d }), result{3, 1}},
		"cut in the rings":  {whole[:headSize+2*slotSize], result{2, 0}},
		"cut in a slot":     {whole[:headSize+2*slotSize+20], result{2, 1}},
		"its state garbage": {change(func(d []byte) []byte { d[stateAt+4] = stateClean; return d }), result{3, 0}},
	} {
		r, err := Read(tt.data)
		if got := (result{len(r.Recent), r.Torn}); err != nil || got != tt.want || r.Clean {
			t.Errorf("%s: got %+v, clean %v, %v; want %+v", name, got, r.Clean, err, tt.want)
		}
	}
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":       {nil, "not a black box"},
		"a head only":   {whole[:headSize-1], "not a black box"},
		"another file":  {bytes.Repeat([]byte("x"), headSize), "not a black box"},
		"newer":         {change(func(d []byte) []byte { binary.LittleEndian.PutUint32(d[8:], version+1); return d }), "update the program"},
		"header broken": {change(func(d []byte) []byte { d[headerAt+3] ^= 1; return d }), "header is damaged"},
	} {
		if _, err := Read(tt.data); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, tt.want)
		}
	}
}

// A newer box of the same format has more columns, rings of another size, and
// header fields that this version does not know.
func TestANewerHeader(t *testing.T) {
	data := newerBox(t)
	r, err := Read(data)
	if err != nil || len(r.Recent) != 1 || len(r.Recent[0].Values) != 3 || r.Recent[0].Values[2] != 42 || r.Header.Host != "host" {
		t.Errorf("got %+v, %v", r, err)
	}
}

func newerBox(t testing.TB) []byte {
	h := testHeader()
	h.Columns = append(h.Columns, "of tomorrow")
	h.layout = layout{Slot: 128, Recent: 2, Minute: 1, Text: 64, Notes: 1}
	head, err := encodeHead(h)
	if err != nil {
		t.Fatal(err)
	}
	n, err := h.bytes()
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, n)
	copy(data, head)
	slot := data[headSize : headSize+128]
	binary.LittleEndian.PutUint64(slot[slotHead+16:], 42)
	putSlot(slot, 3, 1, started)
	return data
}

func TestCreateFails(t *testing.T) {
	dir := t.TempDir()
	h := testHeader()
	h.Host = strings.Repeat("x", headerMost)
	if _, err := Create(dir, h, true); err == nil || !strings.Contains(err.Error(), "header of") {
		t.Errorf("got %v", err)
	}
	if left := names(t, dir); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
	if _, err := Create(filepath.Join(dir, "none"), testHeader(), false); err == nil {
		t.Error("a folder that does not exist")
	}
}

func TestSizeIsBounded(t *testing.T) {
	dir := t.TempDir()
	b := create(t, dir, false)
	fi, err := b.file.Stat()
	if err != nil || fi.Size() > 256<<10 {
		t.Fatalf("%d bytes, %v", fi.Size(), err)
	}
	size := fi.Size()
	for i := range 3 * recentSlots {
		at := started.Add(time.Duration(i) * time.Minute)
		if err := errors.Join(b.Sample(at, make([]int64, 2*MostColumns)), b.Note(at, "x")); err != nil {
			t.Fatal(err)
		}
	}
	if fi, err = b.file.Stat(); err != nil || fi.Size() != size {
		t.Errorf("grew from %d to %d bytes, %v", size, fi.Size(), err)
	}
}

// A header is a page, and a box has its largest size, so what they decode to is bounded;
// this says by how much.
func TestReadBombs(t *testing.T) {
	for name, h := range map[string]string{
		"columns": `{"columns":[` + strings.Repeat(`"",`, 1200) + `""],"slot_bytes":24,"recent":5000,"minute":5000,"note_bytes":24}`,
		"about":   `{"about":{"limits":[` + strings.Repeat(`{},`, 1200) + `{}]},"slot_bytes":32,"note_bytes":24,"recent":4000,"notes":4000}`,
		"nesting": `{"about":` + strings.Repeat("[", 1500) + strings.Repeat("]", 1500) + `,"slot_bytes":24,"note_bytes":24,"notes":10000}`,
	} {
		box := make([]byte, mostBytes)
		copy(box, magic)
		le := binary.LittleEndian
		le.PutUint32(box[8:], version)
		le.PutUint32(box[12:], uint32(len(h)))
		le.PutUint32(box[16:], crc32.Checksum([]byte(h), table))
		copy(box[headerAt:], h)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Read(box)
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 8<<20 {
			t.Errorf("%s: reading it allocates %d MiB", name, took>>20)
		}
	}
}

func TestSampleAllocatesNothing(t *testing.T) {
	b := create(t, t.TempDir(), false)
	values := make([]int64, MostColumns)
	at := started
	if n := testing.AllocsPerRun(1000, func() {
		at = at.Add(time.Minute) // writes to both rings
		if b.Sample(at, values) != nil || b.Note(at, "decided") != nil {
			t.Error("not written")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSample(b *testing.B) {
	box := create(b, b.TempDir(), false)
	values := make([]int64, MostColumns)
	at := started
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(10 * time.Millisecond)
		if err := box.Sample(at, values); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzRead(f *testing.F) {
	b := create(f, f.TempDir(), false)
	for i := range 3 {
		b.Sample(started.Add(time.Duration(i)*time.Minute), []int64{1, 2})
		b.Note(started, "decided")
	}
	whole, err := os.ReadFile(filepath.Join(b.dir, b.name))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[:headSize+8*slotSize])
	f.Add(newerBox(f))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Read(data)
		if err != nil {
			return
		}
		if n := len(r.Recent) + len(r.Minutes) + len(r.Notes); n > mostBytes/slotHead {
			t.Errorf("%d entries of %d bytes", n, len(data))
		}
		for _, s := range r.Recent {
			if len(s.Values) > len(r.Header.Columns) {
				t.Errorf("%d values of %d columns", len(s.Values), len(r.Header.Columns))
			}
		}
		r.Last()
	})
}
