package census_test

import (
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/census"
)

// leaky has the ways to leak a goroutine, each with what the census should report.
// All wait until the test ends.
type leaky struct {
	ch, none chan int
	mu       sync.Mutex
	rw       sync.RWMutex
	wg       sync.WaitGroup
	cond     *sync.Cond
	pipe     *io.PipeReader
}

func (l *leaky) receives()   { <-l.ch }
func (l *leaky) ranges()     { l.each() }
func (l *leaky) sends()      { l.none <- 1 }
func (l *leaky) selects()    { l.choose(context.Background()) }
func (l *leaky) locks()      { l.mu.Lock(); defer l.mu.Unlock() }
func (l *leaky) readLocks()  { l.rw.RLock(); defer l.rw.RUnlock() }
func (l *leaky) waits()      { l.wg.Wait() }
func (l *leaky) conditions() { l.cond.L.Lock(); l.cond.Wait(); l.cond.L.Unlock() }
func (l *leaky) reads()      { _, _ = io.ReadAll(l.pipe) } // blocks in the standard library

func (l *leaky) each() {
	for range l.ch {
	}
}

func (l *leaky) choose(ctx context.Context) {
	select {
	case <-l.ch:
	case <-ctx.Done():
	}
}

func TestRealGoroutines(t *testing.T) {
	l := &leaky{ch: make(chan int), none: make(chan int), cond: sync.NewCond(new(sync.Mutex))}
	pipe, write := io.Pipe()
	l.pipe = pipe
	l.mu.Lock()
	l.rw.Lock()
	l.wg.Add(1)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer func() {
		cancel()
		l.mu.Unlock()
		l.rw.Unlock()
		l.wg.Done()
		write.Close()
		close(l.ch)
		stop := make(chan bool)
		go func() {
			for {
				select {
				case <-l.none:
				case <-stop:
					return
				}
			}
		}()
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					l.cond.Broadcast()
				}
			}
		}()
		all.Wait()
		close(stop)
	}()

	leaks := map[string]struct {
		start func()
		wait  string
	}{
		"(*leaky).receives":   {l.receives, "chan receive"},
		"(*leaky).each":       {l.ranges, "chan receive"},
		"(*leaky).sends":      {l.sends, "chan send"},
		"(*leaky).choose":     {l.selects, "select"},
		"(*leaky).locks":      {l.locks, "sync.Mutex.Lock"},
		"(*leaky).readLocks":  {l.readLocks, "sync.RWMutex.RLock"},
		"(*leaky).waits":      {l.waits, "sync.WaitGroup.Wait"},
		"(*leaky).conditions": {l.conditions, "sync.Cond.Wait"},
		"(*leaky).reads":      {l.reads, ""}, // how io.Pipe waits is its own business
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	reader, watch := census.NewReader(""), census.NewWatch()
	run := func(f func()) {
		all.Add(1)
		go func() { defer all.Done(); f() }()
	}
	// Healthy: a pool, tickers, a growing number of sleepers, finished work, and
	// connections with a reader and a writer each, which grow faster than the leaks.
	for range 20 {
		run(func() { work(ctx) })
		run(func() { tick(ctx) })
	}
	for round := range 120 {
		for _, leak := range leaks {
			run(leak.start)
		}
		run(func() { sleep(ctx) })
		for range 2 {
			client, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			server, err := listener.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			defer server.Close()
			run(func() { readFrom(server) })
			run(func() { writeTo(ctx) })
		}
		var done sync.WaitGroup
		for range round % 7 {
			done.Add(1)
			go func() { defer done.Done() }()
		}
		done.Wait()
		groups := settled(t, reader, len(leaks)*(round+1))
		watch.Observe(time.Duration(round)*time.Minute, groups)
	}

	var flagged []string
	for _, s := range watch.Sites() {
		if s.State != census.Leaking {
			continue
		}
		name := s.Function[strings.LastIndex(s.Function, "census_test.")+len("census_test."):]
		flagged = append(flagged, name)
		want, ok := leaks[name]
		if !ok || want.wait != "" && want.wait != s.Wait || s.Grown < 110 || !strings.HasPrefix(s.Root, "github.com/leakguard/leakguard/internal/census_test.TestRealGoroutines") {
			t.Errorf("flagged: %+v", s)
		}
	}
	for name := range leaks {
		if !slices.Contains(flagged, name) {
			t.Errorf("not flagged: %s", name)
		}
	}
	if t.Failed() {
		for _, s := range watch.Sites() {
			t.Logf("%+v", s)
		}
	}
}

// settled takes a census once that many goroutines wait in the methods of leaky.
func settled(t *testing.T, r *census.Reader, want int) []census.Group {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		groups, err := r.Take()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, g := range groups {
			if g.Forever && strings.Contains(g.Function, "census_test.(*leaky).") {
				n += int(g.Count)
			}
		}
		if n == want {
			return groups
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines wait, want %d: %+v", n, want, groups)
		}
	}
}

func work(ctx context.Context) { <-ctx.Done() }

func tick(ctx context.Context) {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func sleep(ctx context.Context) {
	for ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond)
	}
}

func readFrom(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func writeTo(ctx context.Context) { <-ctx.Done() }
