package frames_test

import (
	"bytes"
	"context"
	"iter"
	"net"
	"os"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/internal/frames"
)

const module = "github.com/leakguard/leakguard"

// blocking has one goroutine for each way to block, with what the profile must
// say about it. release ends them.
func blocking(t *testing.T) (cases map[string]func(), release func()) {
	var locked, rwLocked, rwRead sync.RWMutex
	var mu sync.Mutex
	mu.Lock()
	rwLocked.Lock()
	rwRead.RLock()
	locked.Lock()
	var wg sync.WaitGroup
	wg.Add(1)
	cond := sync.NewCond(new(sync.Mutex))
	ch, full := make(chan int), make(chan int)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	ctx, cancel := context.WithCancel(context.Background())
	cases = map[string]func(){
		"chan receive": func() { <-ch },
		"chan receive/range": func() {
			for range ch {
			}
		},
		"chan receive/once":       func() { once.Do(func() { <-ch }) },
		"chan receive/context":    func() { <-ctx.Done() },
		"chan send":               func() { full <- 1 },
		"chan receive (nil chan)": func() { var none chan int; <-none },
		"chan send (nil chan)":    func() { var none chan int; none <- 1 },
		"select": func() {
			select {
			case <-ch:
			case full <- 2:
			}
		},
		"select (no cases)":     func() { select {} },
		"sync.Mutex.Lock":       func() { mu.Lock(); defer mu.Unlock() },
		"sync.RWMutex.RLock":    func() { locked.RLock(); defer locked.RUnlock() },
		"sync.RWMutex.Lock":     func() { rwRead.Lock(); defer rwRead.Unlock() },
		"sync.Mutex.Lock/write": func() { rwLocked.Lock(); defer rwLocked.Unlock() },
		"sync.WaitGroup.Wait":   func() { wg.Wait() },
		"sync.Cond.Wait":        func() { cond.L.Lock(); cond.Wait(); cond.L.Unlock() },
		"sleep":                 func() { time.Sleep(time.Minute) },
		"IO wait":               func() { listener.Accept() },
		"IO wait/pipe":          func() { r.Read(make([]byte, 1)) },
		"coroutine": func() {
			next, stop := iter.Pull(func(yield func(int) bool) { <-ch; yield(1) })
			next()
			stop()
		},
	}
	return cases, func() {
		mu.Unlock()
		rwLocked.Unlock()
		rwRead.RUnlock()
		locked.Unlock()
		wg.Done()
		cond.Broadcast()
		cancel()
		listener.Close()
		w.Close()
		close(ch) // this also ends the select: the send is the last one on full
		<-full
	}
}

func TestWaitOfRealGoroutines(t *testing.T) {
	cases, release := blocking(t)
	defer release()
	if block, end := inKernel(); block != nil {
		cases["syscall"] = block
		defer end()
	}
	for name, block := range cases {
		go func() {
			pprof.Do(context.Background(), pprof.Labels("case", name), func(context.Context) { block() })
		}()
	}

	got := make(map[string]string)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		clear(got)
		settled := 0
		for _, g := range goroutines(t) {
			if g.label == "" || strings.HasPrefix(g.stack[0].Function, "iter.") {
				continue
			}
			reason, blocked, root := frames.Wait(g.stack, module)
			if own := g.stack[blocked].Function; !strings.HasPrefix(own, module+"/internal/frames_test.") {
				t.Errorf("%s: blocks in %s, want this test", g.label, own)
			}
			if fn := g.stack[root].Function; !strings.Contains(fn, "TestWaitOfRealGoroutines") && !strings.HasPrefix(fn, "iter.Pull") {
				t.Errorf("%s: started with %s, want this test", g.label, fn)
			}
			want, _, _ := strings.Cut(g.label, "/")
			if g.label == "coroutine" && reason == "chan receive" {
				continue // the other side of the pair
			}
			got[g.label] = reason
			if reason == want {
				settled++
			}
		}
		if settled == len(cases) {
			break
		}
		if time.Now().After(deadline) {
			for name := range cases {
				if want, _, _ := strings.Cut(name, "/"); got[name] != want {
					t.Errorf("%s: the profile says %q, want %q", name, got[name], want)
				}
			}
			break
		}
	}
}

type goroutine struct {
	label string
	stack []frames.Frame
}

func goroutines(t *testing.T) []goroutine {
	t.Helper()
	var buf bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&buf, 0); err != nil {
		t.Fatal(err)
	}
	p, err := profile.Parse(&buf)
	if err != nil {
		t.Fatal(err)
	}
	var all []goroutine
	for _, s := range p.Sample {
		var g goroutine
		if l := s.Label["case"]; len(l) > 0 {
			g.label = l[0]
		}
		for _, loc := range s.Location {
			for _, l := range loc.Line {
				g.stack = append(g.stack, frames.Frame{Function: l.Function.Name, File: l.Function.Filename, Line: int(l.Line), StartLine: int(l.Function.StartLine)})
			}
		}
		all = append(all, g)
	}
	return all
}

func TestReasonOfStacks(t *testing.T) {
	for _, tt := range []struct{ stack, want string }{
		{"", "running"},
		{"main.work runtime.main", "running"},
		{"runtime.asyncPreempt2 runtime.asyncPreempt main.work", "running"},
		{"runtime.gopark runtime.gcBgMarkWorker", "GC worker (idle)"},
		{"runtime.gopark runtime.runFinalizers", "finalizer wait"},
		{"runtime.gopark runtime.runfinq", "finalizer wait"},
		{"runtime.gopark runtime.goparkunlock runtime.(*cleanupQueue).dequeue runtime.runCleanups", "cleanup wait"},
		{"runtime.gopark runtime.goparkunlock runtime.semacquire1 sync.runtime_Semacquire sync.(*WaitGroup).Wait main.f", "sync.WaitGroup.Wait"},
		{"runtime.gopark runtime.goparkunlock runtime.semacquire1 internal/poll.runtime_Semacquire internal/poll.(*fdMutex).rwlock main.f", "semacquire"},
		{"runtime.gopark runtime.goparkunlock runtime.semacquire1 runtime.semacquire main.f", "semacquire"},
		{"runtime.gopark main.linknamed runtime.chanrecv1", "waiting"},
		{"runtime.gopark runtime.synctestRun internal/synctest.Run testing/synctest.Test main.f", "synctest.Run"},
		{"runtime.notetsleepg os/signal.signal_recv os/signal.loop", "syscall"},
	} {
		var stack []frames.Frame
		for _, f := range strings.Fields(tt.stack) {
			stack = append(stack, frames.Frame{Function: f})
		}
		if got := frames.Reason(stack); got != tt.want {
			t.Errorf("%s: waits for %q, want %q", tt.stack, got, tt.want)
		}
	}
	if reason, blocked, root := frames.Wait(nil, ""); reason != "running" || blocked != -1 || root != -1 {
		t.Errorf("empty stack: %s, %d, %d", reason, blocked, root)
	}
}

func TestCanBeForever(t *testing.T) {
	for reason, want := range map[string]bool{
		"chan receive": true, "chan send (nil chan)": true, "select": true, "select (no cases)": true, "sync.Mutex.Lock": true,
		"sync.RWMutex.RLock": true, "sync.WaitGroup.Wait": true, "sync.Cond.Wait": true, "chan receive (durable)": true, "semacquire": true,
		"IO wait": false, "sleep": false, "syscall": false, "running": false, "finalizer wait": false, "GC worker (idle)": false,
		"waiting": false, "": false, "coroutine": false,
	} {
		if got := frames.CanBeForever(reason); got != want {
			t.Errorf("%q can be forever: %v, want %v", reason, got, want)
		}
	}
}

func TestPredicate(t *testing.T) {
	for reason, want := range map[string][2]string{
		frames.Select:  {"waits in select", "wait in select"},
		frames.IOWait:  {"waits for I/O", "wait for I/O"},
		frames.Sleep:   {"sleeps", "sleep"},
		frames.Waiting: {"waits", "wait"},
		frames.Running: {"is running", "are running"},
		frames.Syscall: {"is in a system call", "are in a system call"},
		"":             {"is running", "are running"},
	} {
		if one, many := frames.Predicate(false, reason), frames.Predicate(true, reason); one != want[0] || many != want[1] {
			t.Errorf("%q: %q and %q, want %q", reason, one, many, want)
		}
	}
}
