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
	"github.com/leakguard/leakguard/profile"
)

func init() { children["fills"] = fillsChild }

// fillsReport is what a child found that filled its memory.
type fillsReport struct {
	Before, After profile.Reading
	Verdict       profile.Verdict // of the guard's snapshot
	Lines         []string        // what the guard logged of Info and above
	Incidents     int64
	Peak          profile.Bytes // most unreclaimable
	Took          time.Duration
}

const (
	filled  = 160 * mib
	fillMax = 256 * mib
)

// fills are the ways to fill memory, by name; each keeps what it filled until done
// is called.
var fills = map[string]func(dir string) (done func()){
	"page cache": func(dir string) func() {
		f := writeFile(dir, 3*fillMax)
		must(0, f.Sync())
		return func() { f.Close() }
	},
	"dirty": func(dir string) func() {
		f := writeFile(dir, fillMax)
		return func() { f.Close() }
	},
	"tmpfs": func(dir string) func() {
		f := writeFile(filepath.Join(dir, "tmpfs"), filled)
		return func() { f.Close() }
	},
	"mapped file": func(dir string) func() {
		f := writeFile(dir, filled)
		must(0, f.Sync())
		touchPages(must(syscall.Mmap(int(f.Fd()), 0, filled, syscall.PROT_READ, syscall.MAP_SHARED)), false)
		return func() { f.Close() }
	},
	"locked file": func(dir string) func() {
		f := writeFile(dir, filled)
		must(0, f.Sync())
		must(0, syscall.Mlock(must(syscall.Mmap(int(f.Fd()), 0, filled, syscall.PROT_READ, syscall.MAP_SHARED))))
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

func writeFile(dir string, size int) *os.File {
	f := must(os.CreateTemp(dir, "fill"))
	must(0, os.Remove(f.Name()))
	chunk := make([]byte, mib)
	for range size / mib {
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
	began := time.Now()
	g := must(Start(Config{Dir: filepath.Join(args[2], "evidence"), Logger: slog.New(book)}))
	s := newSource("/", 0, func(part string, err error) { must(0, fmt.Errorf("%s: %w", part, err)) })
	runtime.GC()
	var r fillsReport
	s.read(time.Now(), &r.Before)
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				close(stop)
				return
			case <-time.After(10 * time.Millisecond):
				r.Peak = max(r.Peak, g.Snapshot().Reading.Unreclaimable)
			}
		}
	}()
	done := fills[args[1]](args[2])
	stop <- struct{}{}
	<-stop
	s.read(time.Now(), &r.After)
	deadline := time.Now().Add(3 * time.Second)
	for time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
	}
	r.Incidents = g.Snapshot().Counters.Incidents
	must(0, g.Close())
	done()
	book.mu.Lock()
	for _, line := range book.lines {
		if !strings.HasPrefix(line, "DEBUG") {
			r.Lines = append(r.Lines, line)
		}
	}
	r.Took = time.Since(began)
	must(0, json.NewEncoder(os.Stdout).Encode(r))
}

// scratch is a folder on a disk, where written pages have to be written back.
func scratch(t *testing.T) string { return t.TempDir() }

func TestFills(t *testing.T) {
	for name := range fills {
		t.Run(name, func(t *testing.T) {
			group := cgrouptest.New(t, fillMax)[0]
			dir := scratch(t)
			if name == "tmpfs" {
				must(0, os.Mkdir(filepath.Join(dir, "tmpfs"), 0o700))
				must(0, syscall.Mount("tmpfs", filepath.Join(dir, "tmpfs"), "tmpfs", 0, "mode=0700"))
				defer syscall.Unmount(filepath.Join(dir, "tmpfs"), syscall.MNT_DETACH)
			}
			out, err := child(t, "fills", group, name, dir).Output()
			if err != nil {
				t.Fatal(err)
			}
			var r fillsReport
			if err := json.Unmarshal(out, &r); err != nil {
				t.Fatal(err)
			}
			for _, p := range r.After.Division().Parts() {
				t.Logf("%-28s %v", p.Name, p.Bytes)
			}
			t.Log(r.After.Division().Total, r.After.Verdict(&r.Before), r.After.Verdict(nil), "peak", r.Peak, "took", r.Took, "incidents", r.Incidents)
			t.Log(strings.Join(r.Lines, "\n"))
		})
	}
}
