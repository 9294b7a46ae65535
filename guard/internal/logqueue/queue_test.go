package logqueue

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fake is a handler whose behaviour is the test's own.
type fake struct {
	enabled, handle func()
	mu              sync.Mutex
	lines           []string
}

func (f *fake) Enabled(context.Context, slog.Level) bool {
	if f.enabled != nil {
		f.enabled()
	}
	return true
}

func (f *fake) Handle(_ context.Context, r slog.Record) error {
	f.mu.Lock()
	f.lines = append(f.lines, r.Message)
	f.mu.Unlock()
	if f.handle != nil {
		f.handle()
	}
	return nil
}

func (f *fake) WithAttrs([]slog.Attr) slog.Handler { return f }
func (f *fake) WithGroup(string) slog.Handler      { return f }

func TestLinesArriveInOrderWithTheirAttributes(t *testing.T) {
	var out bytes.Buffer
	q := New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}), func(what any) { t.Error(what) })
	log := q.Logger()
	one := log.With("sink", "relay")
	one.WithGroup("event").With("kind", "opened").Warn("first", "n", 1)
	one.Info("second")
	log.Debug("not enabled")
	log.Warn("third")
	if err := q.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := "level=WARN msg=first sink=relay event.kind=opened event.n=1\nlevel=INFO msg=second sink=relay\nlevel=WARN msg=third\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
	log.Warn("too late")
	if q.Dropped() != 1 {
		t.Errorf("%d dropped, want the line after Close", q.Dropped())
	}
}

// A handler that panics or ends its goroutine, wherever it does, loses its line
// and no other.
func TestFaults(t *testing.T) {
	for name, fault := range map[string]func(){"panic": func() { panic("no log today") }, "goexit": runtime.Goexit} {
		for _, where := range []string{"enabled", "handle"} {
			t.Run(name+" in "+where, func(t *testing.T) {
				f := new(fake)
				calls := 0
				bad := func() {
					if calls++; calls == 2 {
						fault()
					}
				}
				if where == "enabled" {
					f.enabled = bad
				} else {
					f.handle = bad
				}
				var faults []any
				q := New(f, func(what any) { faults = append(faults, what) })
				for i := range 4 {
					q.Logger().Info(fmt.Sprint(i))
				}
				if err := q.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				want := []string{"0", "1", "2", "3"}
				if where == "enabled" {
					want = []string{"0", "2", "3"}
				}
				if !slices.Equal(f.lines, want) || len(faults) != 1 {
					t.Errorf("got %q and the faults %v, want %q and one", f.lines, faults, want)
				}
			})
		}
	}
}

func TestABlockedHandlerBlocksNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := &fake{handle: func() { <-release }}
		q := New(f, func(any) {})
		for range most + 11 {
			q.Logger().Info("line")
			synctest.Wait() // the first is in the handler's hands
		}
		if q.Dropped() != 10 {
			t.Errorf("%d dropped, want 10 of %d", q.Dropped(), most+11)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		err := q.Close(ctx)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("log handler has not returned, and %d lines", most)) {
			t.Errorf("Close: %v", err)
		}
		if took := time.Since(begun); took > time.Second+grace {
			t.Errorf("Close took %v", took)
		}
		close(release)
		synctest.Wait()
		if len(f.lines) != most+1 {
			t.Errorf("%d lines were written in the end, want %d", len(f.lines), most+1)
		}
	})
}

// What is written in the last moment is no sign of a handler that is stuck.
func TestCloseWhenTheTimeIsUp(t *testing.T) {
	f := new(fake)
	q := New(f, func(any) {})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	q.Logger().Info("last words")
	if err := q.Close(ctx); err != nil || len(f.lines) != 1 {
		t.Errorf("Close: %v, with %q written", err, f.lines)
	}
}

// A handler that logs to the queue it serves waits for nothing.
func TestAHandlerMayLogItself(t *testing.T) {
	f := new(fake)
	q := New(f, func(any) {})
	again := sync.OnceFunc(func() { q.Logger().Info("second") })
	f.handle = again
	q.Logger().Info("first")
	deadline := time.Now().Add(30 * time.Second)
	for written := 0; written < 2 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		f.mu.Lock()
		written = len(f.lines)
		f.mu.Unlock()
	}
	if err := q.Close(t.Context()); err != nil || len(f.lines) != 2 {
		t.Errorf("%q, %v", f.lines, err)
	}
}
