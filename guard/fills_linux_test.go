package guard

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/cgroup/cgrouptest"
	"github.com/leakguard/leakguard/internal/testenv"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

func init() { children["fills"] = fillsChild }

// fillsReport is what a child found that filled its memory.
type fillsReport struct {
	Before, After incident.Reading
	Verdict       incident.Verdict // of a guard's snapshot
	Lines         []string         // what the guard logged of Info and above
	Incidents     int64
}

const (
	filled  = 160 * mib
	fillMax = 256 * mib
)

// fills are the ways to fill memory, by name; each keeps what it filled until done
// is called.
var fills = map[string]func(dir string) (done func()){
	"page cache": func(dir string) func() {
		f := writeFile(dir, 2*fillMax, mib)
		must(0, f.Sync())
		return func() { f.Close() }
	},
	"dirty": func(dir string) func() {
		f := writeFile(dir, fillMax-16*mib, mib) // less than has the kernel begin to write
		return func() { f.Close() }
	},
	"tmpfs": func(dir string) func() {
		f := writeFile(dir, filled, mib)
		return func() { f.Close() }
	},
	"mapped file": func(dir string) func() {
		f := writeFile(dir, filled, mib)
		must(0, f.Sync())
		touchPages(must(syscall.Mmap(int(f.Fd()), 0, filled, syscall.PROT_READ, syscall.MAP_SHARED)), false)
		return func() { f.Close() }
	},
	"locked file": func(dir string) func() {
		// In small pieces, for small folios: a large one that is not locked as a whole
		// is listed as evictable until the kernel wants it back.
		f := writeFile(dir, filled, os.Getpagesize())
		must(0, f.Sync())
		mem := must(syscall.Mmap(int(f.Fd()), 0, filled, syscall.PROT_READ, syscall.MAP_SHARED))
		must(0, syscall.Mlock(mem))
		return func() { f.Close() }
	},
	"anonymous": func(string) func() {
		mem := must(syscall.Mmap(-1, 0, filled, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE))
		touchPages(mem, true)
		return func() { runtime.KeepAlive(mem) }
	},
	"Go heap": func(string) func() {
		leakHere(filled / mib)
		runtime.GC()
		return func() { runtime.KeepAlive(leaked) }
	},
}

func writeFile(dir string, size, piece int) *os.File {
	f := must(os.CreateTemp(dir, "fill"))
	must(0, os.Remove(f.Name()))
	chunk := make([]byte, piece)
	for range size / piece {
		must(f.Write(chunk))
	}
	return f
}

func touchPages(mem []byte, write bool) {
	sum := byte(0)
	for i := 0; i < len(mem); i += 4096 {
		if write {
			mem[i] = 1
		}
		sum += mem[i]
	}
	runtime.KeepAlive(sum)
}

// fillsChild fills memory in the group of its first argument in the way of the
// second, under a guard of the zero Config but for where it writes.
func fillsChild(args []string) {
	must(0, cgrouptest.Join(args[0]))
	book := &logBook{}
	g := must(Start(Config{Dir: filepath.Join(args[2], "evidence"), Logger: slog.New(book)}))
	s := newSource("/", 0, func(part string, err error) { must(0, fmt.Errorf("%s: %w", part, err)) })
	runtime.GC()
	var r fillsReport
	s.read(time.Now(), &r.Before)
	done := fills[args[1]](args[2])
	s.read(time.Now(), &r.After)
	// The guard looks once a second while nothing happens.
	for seen := g.Snapshot(); g.Snapshot().Counters.Readings < seen.Counters.Readings+2; {
		time.Sleep(20 * time.Millisecond)
	}
	snapshot := g.Snapshot()
	r.Verdict, r.Incidents = snapshot.Verdict, snapshot.Counters.Incidents
	must(0, g.Close())
	done()
	book.mu.Lock()
	for _, line := range book.lines {
		if !strings.HasPrefix(line, "DEBUG") {
			r.Lines = append(r.Lines, line)
		}
	}
	book.mu.Unlock()
	must(0, json.NewEncoder(os.Stdout).Encode(r))
}

// Each way to fill a real cgroup's memory is told from the others, the parts account
// for the usage, and page cache, written or not, is no incident.
func TestFills(t *testing.T) {
	type part = func(d *incident.Division) profile.Bytes
	for name, test := range map[string]struct {
		class    incident.VerdictClass
		part     part
		atLeast  profile.Bytes // of the part
		harmless bool          // no incident may open
	}{
		"page cache":  {incident.VerdictCacheAtLimit, func(d *incident.Division) profile.Bytes { return d.FileCache + d.Dirty }, 200 * mib, true},
		"dirty":       {incident.VerdictDirty, func(d *incident.Division) profile.Bytes { return d.Dirty }, fillMax / 8, true},
		"mapped file": {incident.VerdictPageCache, func(d *incident.Division) profile.Bytes { return d.FileCache + d.Dirty }, filled, true},
		"tmpfs":       {incident.VerdictTmpfs, func(d *incident.Division) profile.Bytes { return d.Shmem }, filled, false},
		"locked file": {incident.VerdictLocked, func(d *incident.Division) profile.Bytes { return d.Locked }, filled, false},
		"anonymous":   {incident.VerdictNonGo, func(d *incident.Division) profile.Bytes { return d.NonGo }, filled, false},
		"Go heap":     {incident.VerdictGoHeap, func(d *incident.Division) profile.Bytes { return d.GoLive + d.GoGarbage }, filled, false},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "Go heap" && raceEnabled {
				t.Skip("the race detector takes memory of its own for each byte of the heap")
			}
			group := cgrouptest.New(t, fillMax)[0]
			dir := onDisk(t)
			if name == "tmpfs" {
				dir = testenv.Tmpfs(t, "size=512m")
			}
			out, err := child(t, "fills", group, name, dir).Output()
			if err != nil {
				t.Fatal(err)
			}
			var r fillsReport
			if err := json.Unmarshal(out, &r); err != nil {
				t.Fatal(err)
			}
			for what, reading := range map[string]*incident.Reading{"before": &r.Before, "after": &r.After} {
				d := reading.Division()
				sum := profile.Bytes(0)
				for _, p := range d.Parts() {
					sum += p.Bytes
				}
				if !d.Cgroup || sum != d.Total || d.Total != reading.CgroupUsage {
					t.Errorf("%s: %v in parts of %v, usage %v", what, sum, d.Total, reading.CgroupUsage)
				}
				if most := max(d.Total/50, 4*mib); d.Unattributed > most {
					t.Errorf("%s: %v unattributed of %v, at most %v is", what, d.Unattributed, d.Total, most)
				}
			}
			d, v := r.After.Division(), r.After.Verdict(&r.Before)
			if name == "dirty" && d.Dirty < fillMax/8 {
				t.Skipf("the kernel writes too soon: %v are left of what was written", d.Dirty)
			}
			// RSSAnon and the lists of pages lag a little behind, per processor.
			if got := test.part(&d); got < test.atLeast-test.atLeast/10 || test.atLeast == filled && got > filled+filled/10 {
				t.Errorf("the part has %v, want about %v: %+v", got, test.atLeast, d)
			}
			if v.Class != test.class {
				t.Errorf("%v: %s", v.Class, v.Text)
			}
			if r.Verdict.Class == incident.VerdictUnknown || r.Verdict.Text == "" {
				t.Errorf("the snapshot's verdict is %+v", r.Verdict)
			}
			if test.harmless && r.Incidents != 0 {
				t.Errorf("%d incidents of page cache:\n%s", r.Incidents, strings.Join(r.Lines, "\n"))
			}
			if told := strings.Contains(strings.Join(r.Lines, "\n"), "INFO leakguard: the cgroup is at "); name == "page cache" && !told {
				t.Errorf("not told that page cache meets the limit:\n%s", strings.Join(r.Lines, "\n"))
			}
			t.Logf("%s; %v unattributed", v.Text, d.Unattributed)
		})
	}
}

// onDisk is a folder on a disk, where what is written has to be written back.
func onDisk(t *testing.T) string {
	t.Helper()
	for _, parent := range []string{os.TempDir(), "/var/tmp", "."} {
		var s syscall.Statfs_t
		const tmpfs, overlay = 0x01021994, 0x794c7630
		if syscall.Statfs(parent, &s) != nil || s.Type == tmpfs || s.Type == overlay && parent != "." {
			continue
		}
		dir, err := os.MkdirTemp(parent, "leakguard-fills-")
		if err != nil {
			continue
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		dir, err = filepath.Abs(dir)
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	testenv.Need(t, false, "no folder on a disk can be written")
	return ""
}

// A guard under a cgroup's files that page cache fills tells so, opens nothing, and
// the snapshot has the verdict.
func TestPageCacheIsTold(t *testing.T) {
	root := fakeKernel(t)
	write(t, root, map[string]string{
		"sys/fs/cgroup/memory.current": "530000000\n",
		"sys/fs/cgroup/memory.stat":    "anon 20971520\nfile 500000000\nkernel 1048576\nsock 0\nshmem 0\nfile_dirty 0\nfile_writeback 0\ninactive_file 400000000\nactive_file 100000000\nunevictable 0\nslab 4096\n",
	})
	g, book := startUnchecked(t, root, Config{Interval: 10 * time.Millisecond, Rules: DefaultRules(Limits{Kill: 512 * mib, KillSource: "cgroup v2"})})
	waitFor(t, "some readings", func() bool { return g.Snapshot().Counters.Readings > 20 })
	s := g.Snapshot()
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if s.Verdict.Class != incident.VerdictCacheAtLimit || s.Counters.Incidents != 0 {
		t.Errorf("verdict %+v, %d incidents", s.Verdict, s.Counters.Incidents)
	}
	var told []string
	book.mu.Lock()
	defer book.mu.Unlock()
	for _, line := range book.lines {
		if strings.Contains(line, "the cgroup is at") {
			told = append(told, line)
		}
	}
	want := "INFO leakguard: the cgroup is at 99% of its limit, but all except 28.6 MiB is page cache that the kernel can reclaim; this is not a leak usage=505.4 MiB unreclaimable=28.6 MiB limit=512.0 MiB"
	if len(told) != 1 || told[0] != want {
		t.Errorf("told %q\nwant %q", told, want)
	}
}
