package procfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/leakguard/leakguard/internal/testenv"
)

func TestKernels(t *testing.T) {
	page := int64(os.Getpagesize())
	for _, tt := range []struct {
		tree             string
		statm, status    Stat
		total, available int64
		boot             string
	}{
		{"linux-6.18",
			Stat{67215 * page, (67215 - 1403) * page, Unknown, Unknown},
			Stat{268860 << 10, 263248 << 10, 512 << 10, 9},
			24684092 << 10, 24387384 << 10, "1dc43bd4-8a5d-4bd5-a7f4-7d2b2f5f0c1e"},
		{"linux-3.10", // neither RssAnon nor MemAvailable
			Stat{91 * page, 20 * page, Unknown, Unknown},
			Stat{364 << 10, Unknown, Unknown, 1},
			3881692 << 10, Unknown, ""},
		{"user-space-kernel", // gVisor does not count file pages
			Stat{1210 * page, 1210 * page, Unknown, Unknown},
			Stat{4840 << 10, Unknown, Unknown, 7},
			2097152 << 10, 1540096 << 10, ""},
	} {
		root := filepath.Join("testdata", tt.tree)
		p, err := Open(root)
		if err != nil {
			t.Fatal(tt.tree, err)
		}
		var s Stat
		if err := p.Read(&s); err != nil || s != tt.statm {
			t.Errorf("%s: Read: %+v, %v; want %+v", tt.tree, s, err, tt.statm)
		}
		if err := p.ReadStatus(&s); err != nil || s != tt.status {
			t.Errorf("%s: ReadStatus: %+v, %v; want %+v", tt.tree, s, err, tt.status)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		total, available, err := HostMemory(root)
		if err != nil || total != tt.total || available != tt.available {
			t.Errorf("%s: HostMemory: %d, %d, %v; want %d, %d", tt.tree, total, available, err, tt.total, tt.available)
		}
		if got := BootID(root); got != tt.boot {
			t.Errorf("%s: boot %q, want %q", tt.tree, got, tt.boot)
		}
	}
}

// TestWithout reads files that are absent, empty or nonsense. It expects an error
// that names the file and its content, and unknown values.
func TestWithout(t *testing.T) {
	root := t.TempDir()
	if _, err := Open(root); !errors.Is(err, fs.ErrNotExist) {
		t.Error("Open without /proc:", err)
	}
	if total, available, err := HostMemory(root); !errors.Is(err, fs.ErrNotExist) || total != Unknown || available != Unknown {
		t.Error("HostMemory without /proc:", total, available, err)
	}
	if id := BootID(root); id != "" {
		t.Error("a boot without /proc:", id)
	}
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o777), os.WriteFile(file, []byte(text), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	write("proc/self/statm", "")
	write("proc/meminfo", "MemFree: 1 kB\n")
	p, err := Open(root)
	if err != nil {
		t.Fatal("Open without status:", err)
	}
	defer p.Close()
	s := Stat{1, 2, 3, 4}
	if err := p.ReadStatus(&s); !errors.Is(err, fs.ErrNotExist) || s != unknownStat {
		t.Error("ReadStatus without status:", s, err)
	}
	s = Stat{1, 2, 3, 4}
	if err := p.Read(&s); err == nil || !strings.Contains(err.Error(), `statm holds ""`) || s != unknownStat {
		t.Error("Read of an empty statm:", s, err)
	}
	write("proc/self/statm", "1 9223372036854775807 0 0\n")
	if err := p.Read(&s); err == nil || s != unknownStat {
		t.Error("Read of more pages than bytes can count:", s, err)
	}
	if _, _, err := HostMemory(root); err == nil || !strings.Contains(err.Error(), `meminfo holds "MemFree: 1 kB\n"`) {
		t.Error("HostMemory of neither row:", err)
	}
	write("proc/self/status", "Name:\tx\n")
	q, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if err := q.ReadStatus(&s); err == nil || !strings.Contains(err.Error(), `status holds "Name:\tx\n"`) {
		t.Error("ReadStatus of no row:", err)
	}
}

// TestLive reads this process and compares statm with status, which the kernel
// fills from the same counters.
func TestLive(t *testing.T) {
	p := open(t)
	mem, err := syscall.Mmap(-1, 0, 32<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := syscall.Mmap(-1, 0, 16<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	var before, after, fast Stat
	if err := p.ReadStatus(&before); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(mem); i += 4096 {
		mem[i] = 1
	}
	for i := 0; i < len(shared); i += 4096 {
		shared[i] = 1
	}
	if err := errors.Join(p.ReadStatus(&after), p.Read(&fast)); err != nil {
		t.Fatal(err)
	}
	// The counters are per processor and lag by some pages, and the runtime itself
	// allocates meanwhile.
	const lag = 4 << 20
	near := func(what string, got, want int64) {
		t.Helper()
		if got < want-lag || got > want+lag {
			t.Errorf("%s: %d, want about %d", what, got, want)
		}
	}
	near("growth of RSSAnon", after.RSSAnon-before.RSSAnon, 32<<20)
	near("growth of RSSShmem", after.RSSShmem-before.RSSShmem, 16<<20)
	near("growth of RSS", after.RSS-before.RSS, 48<<20)
	near("RSS of statm", fast.RSS, after.RSS)
	near("RSSAnon of statm", fast.RSSAnon, after.RSSAnon)
	if after.Threads < 2 || after.Threads > 10000 || fast.Threads != Unknown || fast.RSSShmem != Unknown {
		t.Errorf("threads: %+v; without status: %+v", after, fast)
	}
	if err := errors.Join(syscall.Munmap(mem), syscall.Munmap(shared)); err != nil {
		t.Fatal(err)
	}
	total, available, err := HostMemory("/")
	if err != nil || total < 64<<20 || available <= 0 || available > total {
		t.Errorf("host: %d of %d, %v", available, total, err)
	}
	if id := BootID("/"); !regexp.MustCompile(`^[0-9a-f-]{36}$`).MatchString(id) || id != BootID("/") {
		t.Errorf("boot %q, then %q", id, BootID("/"))
	}
}

func TestNoAllocations(t *testing.T) {
	p := open(t)
	h, err := OpenHost("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	var s Stat
	for name, read := range map[string]func() error{
		"Read":       func() error { return p.Read(&s) },
		"ReadStatus": func() error { return p.ReadStatus(&s) },
		"Host.Read":  func() error { _, _, err := h.Read(); return err },
	} {
		if n := testing.AllocsPerRun(100, func() {
			if err := read(); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// procDescriptors counts this process's open files in /proc, except the folder that
// it lists.
func procDescriptors(t *testing.T) int {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, link := range links {
		if name, err := os.Readlink(link); err == nil && strings.HasPrefix(name, "/proc/") && !strings.HasSuffix(name, "/fd") {
			n++
		}
	}
	return n
}

func TestClose(t *testing.T) {
	p := open(t)
	h, err := OpenHost("/")
	if err != nil {
		t.Fatal(err)
	}
	before := procDescriptors(t)
	if before < 3 {
		t.Fatalf("%d descriptors of /proc open, want the three that are read", before)
	}
	for range 2 {
		if err := errors.Join(p.Close(), h.Close()); err != nil {
			t.Error(err)
		}
	}
	if left := procDescriptors(t); left != before-3 {
		t.Errorf("%d descriptors of /proc before Close, %d after, want three fewer", before, left)
	}
	var s Stat
	_, _, errHost := h.Read()
	for _, err := range []error{p.Read(&s), p.ReadStatus(&s), errHost} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Error("read after Close:", err)
		}
	}
}

func open(t testing.TB) *Process {
	t.Helper()
	p, err := Open("/")
	testenv.Need(t, !errors.Is(err, fs.ErrNotExist), "no /proc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func BenchmarkRead(b *testing.B) {
	p := open(b)
	var s Stat
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Read(&s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadStatus(b *testing.B) {
	p := open(b)
	var s Stat
	b.ReportAllocs()
	for b.Loop() {
		if err := p.ReadStatus(&s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHostRead(b *testing.B) {
	h, err := OpenHost("/")
	if err != nil {
		b.Skip(err)
	}
	defer h.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := h.Read(); err != nil {
			b.Fatal(err)
		}
	}
}
