// The driver, with internal/leakprograms/testdata/register.go, runs each leak
// program in a separate test, which asserts that nothing is left. At the end it
// reports to its parent what was really left.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/guard/guardtest"
)

func main() {}

// files maps each program to its source file.
var (
	files     = make(map[string]string)
	isProgram = make(map[string]bool)
)

// Site is the goroutines at one function.
type Site struct {
	File    string
	Root    string // the function they were started with
	Blocked string // the innermost function of the program's own
	Count   int
	Proven  int // how many the goroutineleak profile contains
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := tell(os.Getenv("DRIVER_OUT")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 3
	}
	os.Exit(code)
}

func TestPrograms(t *testing.T) {
	if err := json.Unmarshal([]byte(os.Getenv("DRIVER_FILES")), &files); err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		isProgram[file] = true
	}
	copies.Store(30)
	for _, name := range slices.Sorted(maps.Keys(cmds)) {
		t.Run(name, func(t *testing.T) {
			if os.Getenv("DRIVER_PARALLEL") != "" {
				t.Parallel()
			}
			// The driver has already waited for the program.
			guardtest.VerifyNone(t, guardtest.Patience(20*time.Millisecond))
			provoke(t, cmds[name], files[name])
		})
	}
}

// provoke runs a program until some of its goroutines stay. Most bugs are races,
// and some are lost only once in a thousand times.
func provoke(t *testing.T, program func(), file string) {
	deadline := time.Now().Add(3 * time.Second)
	for calls := 1; ; calls++ {
		program()
		if stays(file) {
			return
		}
		if calls >= 20 && time.Now().After(deadline) {
			t.Logf("nothing stayed after %d calls", calls)
			return
		}
	}
}

// stays reports whether goroutines of the file exist for a while.
func stays(file string) bool {
	for range 10 {
		time.Sleep(4 * time.Millisecond)
		if !now.has(file) {
			return false
		}
	}
	return true
}

// now is the set of files that have goroutines. Concurrent tests share it.
var now sampler

type sampler struct {
	mu    sync.Mutex
	taken time.Time
	files map[string]bool
}

func (s *sampler) has(file string) bool {
	asked := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken.Before(asked) {
		s.taken, s.files = time.Now(), make(map[string]bool)
		for _, l := range left() {
			s.files[l.File] = true
		}
	}
	return s.files[file]
}

// left returns the goroutines of the programs. It uses stack records, independently
// of the code under test.
func left() map[string]*Site {
	records := make([]runtime.StackRecord, runtime.NumGoroutine()+100)
	for {
		n, ok := runtime.GoroutineProfile(records)
		if ok {
			records = records[:n]
			break
		}
		records = make([]runtime.StackRecord, n+100)
	}
	stacks := make(map[[32]uintptr]int)
	for _, r := range records {
		stacks[r.Stack0]++
	}
	found := make(map[string]*Site)
	for stack, n := range stacks {
		var list []runtime.Frame
		r := runtime.StackRecord{Stack0: stack}
		for frames := runtime.CallersFrames(r.Stack()); ; {
			f, more := frames.Next()
			list = append(list, f)
			if !more {
				break
			}
		}
		add(found, list, n)
	}
	return found
}

// add adds goroutines with one stack to the sites, if they belong to a program.
func add(found map[string]*Site, list []runtime.Frame, n int) *Site {
	s := Site{Count: n}
	for _, f := range list {
		if f.Function == "runtime.goexit" {
			continue
		}
		if file := filepath.Base(f.File); isProgram[file] {
			s.File = file
			if s.Blocked == "" {
				s.Blocked = f.Function
			}
		}
		s.Root = f.Function
	}
	if s.File == "" {
		return nil
	}
	key := s.Root + " " + s.Blocked
	if found[key] == nil {
		found[key] = &s
	} else {
		found[key].Count += n
	}
	return found[key]
}

// tell writes to a file what is left, and what the goroutineleak profile contains
// of it.
func tell(path string) error {
	time.Sleep(200 * time.Millisecond)
	found := left()
	p := pprof.Lookup("goroutineleak")
	if p == nil {
		return fmt.Errorf("the driver was built without the goroutineleak profile")
	}
	var b bytes.Buffer
	if err := p.WriteTo(&b, 0); err != nil {
		return err
	}
	leaked, err := profile.Parse(&b)
	if err != nil {
		return err
	}
	for _, s := range leaked.Sample {
		var list []runtime.Frame
		for _, location := range s.Location {
			for _, line := range location.Line {
				list = append(list, runtime.Frame{Function: line.Function.Name, File: line.Function.Filename})
			}
		}
		if site := add(found, list, 0); site != nil {
			site.Proven += int(s.Value[0])
		}
	}
	out, err := json.Marshal(slices.Collect(maps.Values(found)))
	if err != nil {
		return err
	}
	return os.WriteFile(path, out, 0o600)
}
