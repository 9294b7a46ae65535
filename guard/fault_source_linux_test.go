package guard

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/cgroup/cgrouptest"
	"github.com/leakguard/leakguard/profile"
)

func init() { children["group"] = groupChild }

// fakeKernel makes the files of a container on cgroup v2 with a limit of 512 MiB.
func fakeKernel(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range map[string]string{
		"proc/self/cgroup":             "0::/\n",
		"proc/self/mountinfo":          "1032 1031 0:30 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
		"proc/self/statm":              "300000 20000 4000 1000 0 30000 0\n",
		"proc/self/status":             "VmRSS:\t80000 kB\nRssAnon:\t64000 kB\nRssShmem:\t0 kB\nThreads:\t9\n",
		"proc/meminfo":                 "MemTotal:       16000000 kB\nMemAvailable:   8000000 kB\n",
		"sys/fs/cgroup/memory.current": "104857600\n",
		"sys/fs/cgroup/memory.max":     "536870912\n",
		"sys/fs/cgroup/memory.stat":    "anon 83886080\nfile 1048576\nshmem 0\nfile_dirty 0\nfile_writeback 0\ninactive_file 524288\nactive_file 524288\nunevictable 0\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestKernelFilesVanish(t *testing.T) {
	root := fakeKernel(t)
	g, book := startUnchecked(t, root, Config{Interval: 10 * time.Millisecond})
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	if s := g.Snapshot(); s.Reading.CgroupUsage != 100<<20 || s.Limits.Kill != 512<<20 || s.Reading.RSSAnon <= 0 {
		t.Fatalf("the fake kernel is not read: usage %s, limit %d, %s anonymous", s.Reading.CgroupUsage, s.Limits.Kill, s.Reading.RSSAnon)
	}
	// The guard keeps them open, so they have to become empty to fail.
	for _, name := range []string{"sys/fs/cgroup/memory.current", "sys/fs/cgroup/memory.stat", "proc/self/statm"} {
		if err := os.Truncate(filepath.Join(root, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "the loss", func() bool {
		r := g.Snapshot().Reading
		return !r.CgroupUsage.Known() && !r.RSS.Known()
	})
	before := g.Snapshot()
	waitFor(t, "further readings", func() bool { return g.Snapshot().Counters.Readings > before.Counters.Readings+10 })
	s := g.Snapshot()
	if s.Limits.Kill != 512<<20 {
		t.Errorf("the limit is forgotten: %d", s.Limits.Kill)
	}
	// What Go itself has is left to go by.
	if r := s.Reading; !r.HeapAlloc.Known() || r.Unreclaimable != r.Sys-r.HeapReleased {
		t.Errorf("unreclaimable %s, Go has %s", r.Unreclaimable, r.Sys-r.HeapReleased)
	}
	book.once(t, "source=cgroup")
	book.once(t, "source=process")
	wants(t, mustCapture(t, g), "heap.pb.gz", "manifest.json")
}

func TestNoProc(t *testing.T) {
	box := newMailbox("box")
	g, book := startUnchecked(t, t.TempDir(), Config{Rules: []Rule{always}, Sinks: []Sink{box}})
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	box.next(t, Opened)
	i := box.next(t, Captured).Incident
	wants(t, i, "heap.pb.gz", "goroutine.pb.gz", "manifest.json")
	r := g.Snapshot().Reading
	if r.RSS.Known() || r.CgroupUsage.Known() || r.HostAvailable.Known() || r.Limit.Known() {
		t.Errorf("known without /proc: RSS %s, cgroup %s, host %s, limit %s", r.RSS, r.CgroupUsage, r.HostAvailable, r.Limit)
	}
	if !r.HeapAlloc.Known() || !r.Unreclaimable.Known() || r.CPUTime < 0 {
		t.Errorf("unknown without /proc: heap %s, unreclaimable %s, CPU time %v", r.HeapAlloc, r.Unreclaimable, r.CPUTime)
	}
	// That a system has no such files is no fault to be told.
	if lines := book.loud("source"); len(lines) > 0 {
		t.Errorf("said: %q", lines)
	}
	m, err := g.Store().Incident(i.ID)
	if err != nil || len(m.Readings) == 0 || m.Readings[0].RSS != profile.Unknown {
		t.Errorf("manifest: %v, %v", m.Readings, err)
	}
}

// groupChild is guarded in the group of its first argument, leaves it for the
// second's when told to, and then says what the guard reads.
func groupChild(args []string) {
	must(0, cgrouptest.Join(args[0]))
	g := must(Start(Config{Dir: args[2], Rules: []Rule{}, Interval: 10 * time.Millisecond}))
	fmt.Println("started", g.Snapshot().Limits.Kill)
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	must(0, cgrouptest.Join(args[1]))
	fmt.Println("left")
	in.Scan()
	for g.Snapshot().Reading.CgroupUsage.Known() {
		time.Sleep(5 * time.Millisecond)
	}
	must(g.Capture(context.Background(), "after the group has gone"))
	must(0, g.Close())
	fmt.Println("unharmed", g.Snapshot().Counters.Captures)
}

// A real group that goes away while the guard has its files open.
func TestGroupVanishes(t *testing.T) {
	// Side by side: on v2 a group that has limited ones below it takes no process.
	gone, other := cgrouptest.New(t, 256<<20)[0], cgrouptest.New(t, cgrouptest.NoLimit)[0]
	cmd := child(t, "group", gone, other, filepath.Join(t.TempDir(), "evidence"))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	expect := func(want string) {
		t.Helper()
		if lines.Scan(); !strings.HasPrefix(lines.Text(), want) {
			t.Errorf("the child says %q, want %q", lines.Text(), want)
		}
	}
	expect("started 268435456")
	fmt.Fprintln(in)
	expect("left")
	waitFor(t, "the group to go", func() bool { return os.Remove(gone) == nil })
	fmt.Fprintln(in)
	expect("unharmed 1")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
