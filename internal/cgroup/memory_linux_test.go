package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leakguard/leakguard/internal/procfs"
	"github.com/leakguard/leakguard/internal/testenv"
)

// live opens the real group of this process.
func live(t testing.TB) *Memory {
	t.Helper()
	m, err := Open("/")
	testenv.Need(t, err == nil || !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrNotExist), "no memory control group")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func TestNoAllocations(t *testing.T) {
	m := live(t)
	var s Stat
	for name, read := range map[string]func() error{
		"Read":      func() error { return m.Read(&s) },
		"ReadUsage": func() error { _, err := m.ReadUsage(); return err },
	} {
		if n := testing.AllocsPerRun(100, func() {
			if err := read(); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if s.Usage <= 0 || s.WorkingSet() < 0 || s.Unreclaimable() < 0 || s.Anon < 0 {
		t.Errorf("the group of this process: %+v", s)
	}
}

// openBelow counts this process's open descriptors below a folder.
func openBelow(t *testing.T, root string) int {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil || len(links) == 0 {
		t.Fatal("no descriptors:", err)
	}
	n := 0
	for _, link := range links {
		if name, err := os.Readlink(link); err == nil && strings.HasPrefix(name, root) {
			n++
		}
	}
	return n
}

func TestClose(t *testing.T) {
	root := extract(t, "testdata/docker-v2-private.txtar")
	m, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	if n := openBelow(t, root); n != 2 {
		t.Errorf("%d descriptors after Open, want 2", n)
	}
	for range 3 {
		if err := m.Reopen(); err != nil {
			t.Fatal(err)
		}
	}
	if n := openBelow(t, root); n != 2 {
		t.Errorf("%d descriptors after Reopen, want 2", n)
	}
	for range 2 {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := openBelow(t, root); n != 0 {
		t.Errorf("%d descriptors after Close", n)
	}
	s := Stat{Usage: 1}
	errRead := m.Read(&s)
	_, errUsage := m.ReadUsage()
	limit, errLimit := m.Limit()
	kills, errKills := m.OOMKills()
	for _, err := range []error{errRead, errUsage, errLimit, errKills, m.Reopen()} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Error("after Close:", err)
		}
	}
	if s != unknownStat || limit.Bytes != Unknown || kills != Unknown {
		t.Error("something is known after Close:", s, limit, kills)
	}
	if m.Version() != 2 || m.Dir() != "/sys/fs/cgroup" {
		t.Error("forgotten after Close:", m.Version(), m.Dir())
	}
}

// TestReopenAfterFailure makes the files unreadable. Read and Reopen must report
// that without losing a descriptor or the group. Then it restores the files.
func TestReopenAfterFailure(t *testing.T) {
	root := extract(t, "testdata/docker-v2-private.txtar")
	m, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	usage := filepath.Join(root, "sys/fs/cgroup/memory.current")
	if err := os.Truncate(usage, 0); err != nil {
		t.Fatal(err)
	}
	var s Stat
	if err := m.Read(&s); err == nil || !strings.Contains(err.Error(), `memory.current holds ""`) || s.Usage != Unknown || s.Anon != 209715200 {
		t.Errorf("read with an empty usage: %+v, %v", s, err)
	}
	if err := os.Truncate(filepath.Join(root, "sys/fs/cgroup/memory.stat"), 0); err != nil {
		t.Fatal(err)
	}
	err = m.Read(&s)
	if err == nil || !strings.Contains(err.Error(), "memory.current") || !strings.Contains(err.Error(), `memory.stat holds ""`) || s != unknownStat {
		t.Errorf("read with both empty: %+v, %v", s, err)
	}
	if err := os.Remove(usage); err != nil {
		t.Fatal(err)
	}
	if err := m.Reopen(); !errors.Is(err, errors.ErrUnsupported) {
		t.Error("reopen without a usage:", err)
	}
	if n := openBelow(t, root); n != 2 || m.Dir() != "/sys/fs/cgroup" {
		t.Errorf("%d descriptors, folder %q after Reopen failed", n, m.Dir())
	}
	if err := os.WriteFile(usage, []byte("4096\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := m.Reopen(); err != nil {
		t.Fatal(err)
	}
	if n, err := m.ReadUsage(); n != 4096 || err != nil {
		t.Error("usage after Reopen:", n, err)
	}
}

// TestBounds uses files that are larger than those of any kernel.
func TestBounds(t *testing.T) {
	root := extract(t, "testdata/docker-v2-private.txtar")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	// The buffer of memory.stat ends within the row of inactive_file.
	const row = "inactive_file 123456789\n"
	stat := "anon 4096\n" + strings.Repeat("x", statSize-len("anon 4096\n\n")-len(row)/2-4) + "\n" + row + "active_file 1\n"
	write("sys/fs/cgroup/memory.stat", stat)
	m, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var s Stat
	if err := m.Read(&s); err != nil || s.Anon != 4096 || s.InactiveFile != Unknown || s.ActiveFile != Unknown {
		t.Errorf("long memory.stat: %+v, %v", s, err)
	}
	write("sys/fs/cgroup/memory.max", strings.Repeat("1", maxLine+1))
	if limit, err := m.Limit(); err == nil || limit.Bytes != Unknown {
		t.Error("long memory.max:", limit, err)
	}
	write("sys/fs/cgroup/memory.max", "")
	if limit, err := m.Limit(); err == nil || !strings.Contains(err.Error(), "memory.max is empty") || limit.Bytes != Unknown {
		t.Error("empty memory.max:", limit, err)
	}
	mountinfo := filepath.Join(root, "proc/self/mountinfo")
	if err := os.Truncate(mountinfo, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mountinfo, []byte(strings.Repeat(strings.Repeat("m", 1023)+"\n", maxFile/1024+1)), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := m.Reopen(); err == nil || !strings.Contains(err.Error(), "mountinfo: longer than") {
		t.Error("long mountinfo:", err)
	}
}

func BenchmarkRead(b *testing.B) {
	m := live(b)
	var s Stat
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Read(&s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadUsage(b *testing.B) {
	m := live(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.ReadUsage(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReading measures a reading's share in the kernel: this package's part
// and that of procfs.
func BenchmarkReading(b *testing.B) {
	m := live(b)
	p, err := procfs.Open("/")
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	var s Stat
	var q procfs.Stat
	b.ReportAllocs()
	for b.Loop() {
		if err := errors.Join(m.Read(&s), p.Read(&q)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLimit(b *testing.B) {
	m := live(b)
	for b.Loop() {
		if _, err := m.Limit(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReopen(b *testing.B) {
	m := live(b)
	for b.Loop() {
		if err := m.Reopen(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseStat measures the part of Read outside the kernel.
func BenchmarkParseStat(b *testing.B) {
	text, err := os.ReadFile(filepath.Join(extract(b, "testdata/docker-v2-private.txtar"), "sys/fs/cgroup/memory.stat"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s := unknownStat
		if s.parse(text, 2) < 9 {
			b.Fatal(s)
		}
	}
}
