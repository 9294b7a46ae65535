package outbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leakguard/leakguard/internal/store"
)

type funcSink struct {
	name    string
	deliver func(ctx context.Context, o Offer) error
}

func (s funcSink) Name() string                               { return s.name }
func (s funcSink) Deliver(ctx context.Context, o Offer) error { return s.deliver(ctx, o) }

// log is an Observer that notes what it is told.
type log struct {
	mu    sync.Mutex
	lines []string
}

func (l *log) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *log) Delivered(sink string, o Offer) { l.add("%s %d delivered", sink, o.Event.Sequence) }
func (l *log) Failed(sink string, o Offer, err error, late bool) {
	l.add("%s %d failed: %v, late %v", sink, o.Event.Sequence, err, late)
}
func (l *log) Overdue(sink string, o Offer, err error) {
	l.add("%s %d overdue: %v", sink, o.Event.Sequence, err)
}
func (l *log) Dropped(n int)                   { l.add("%d dropped", n) }
func (l *log) DiskFailed(id string, err error) { l.add("%s: %v", id, err) }

// has returns the lines so far, and fails the test unless they are these.
func (l *log) has(t *testing.T, want ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.lines)
	slices.Sort(want)
	if !slices.Equal(l.lines, want) {
		t.Errorf("told\n%s\nwant\n%s", strings.Join(l.lines, "\n"), strings.Join(want, "\n"))
	}
}

// slowDisk is a fakeDisk whose every call waits.
type slowDisk struct {
	mu sync.Mutex
	fakeDisk
	wait func()
}

func (d *slowDisk) Read(id string) (store.Delivery, Restore, error) {
	d.wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.read(id)
}

func (d *slowDisk) Write(id string, with store.Delivery) error {
	d.wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.write(id, with)
}

func news(id string) News {
	return News{Incident: id, First: true, Folder: true, Event: store.DeliveryEvent{Event: "opened", Time: noon}, Payload: id}
}

func newDisk(incidents ...string) *slowDisk {
	d := &slowDisk{fakeDisk: make(fakeDisk), wait: func() {}}
	for _, id := range incidents {
		d.fakeDisk[id] = new(store.Delivery)
	}
	return d
}

// A sink that hangs, panics or ends its goroutine holds up no other, and Close names
// what has not returned.
func TestBadSinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(log)
		release := make(chan struct{})
		disk := newDisk("1", "2")
		b := New(Config{Observer: l, Disk: disk, Timeout: time.Second, Most: 10, Sinks: []Sink{
			funcSink{"stuck", func(context.Context, Offer) error { <-release; return nil }},
			funcSink{"panics", func(context.Context, Offer) error { panic("ouch") }},
			funcSink{"exits", func(context.Context, Offer) error { runtime.Goexit(); return nil }},
			funcSink{"good", func(context.Context, Offer) error { return nil }},
		}})
		b.Post(news("1"))
		b.Post(news("2"))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if errs := b.Close(ctx); len(errs) != 1 || errs[0].Error() != "sink stuck has not returned" {
			t.Errorf("Close: %v", errs)
		}
		close(release)
		synctest.Wait()
		l.has(t,
			"stuck 1 overdue: sink stuck has not returned after 1s: context deadline exceeded", "stuck 1 delivered",
			"panics 1 failed: sink panics panicked: ouch, late false", "panics 1 failed: sink panics panicked: ouch, late false",
			"exits 1 failed: the sink called runtime.Goexit, late false", "exits 1 failed: the sink called runtime.Goexit, late false",
			"good 1 delivered", "good 1 delivered")
		if d := disk.fakeDisk["2"]; !d.Accepts("good", 1) || d.Accepts("panics", 1) || d.Accepts("stuck", 1) {
			t.Errorf("on disk: %+v", d)
		}
	})
}

// A disk that hangs holds up no event that is in memory, and Close names it.
func TestDiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(log)
		release := make(chan struct{})
		disk := newDisk("0", "1", "2")
		disk.wait = func() { <-release }
		b := New(Config{Observer: l, Disk: disk, Timeout: time.Second, Most: 10, Sinks: []Sink{
			funcSink{"good", func(context.Context, Offer) error { return nil }},
		}})
		b.Backlog("0")
		synctest.Wait()
		b.Post(news("1"))
		b.Post(news("2"))
		synctest.Wait()
		l.has(t, "good 1 delivered", "good 1 delivered")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if errs := b.Close(ctx); len(errs) != 1 || !strings.Contains(errs[0].Error(), "record of deliveries has not been written") {
			t.Errorf("Close: %v", errs)
		}
		close(release)
		synctest.Wait()
		if !disk.fakeDisk["1"].Accepts("good", 1) || !disk.fakeDisk["2"].Accepts("good", 1) {
			t.Error("what was accepted is not recorded when the disk is back")
		}
	})
}

// Close waits for what is being delivered and records it; what waits stays on disk.
func TestCloseRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(log)
		disk := newDisk("1", "2")
		disk.wait = func() { time.Sleep(time.Millisecond) }
		b := New(Config{Observer: l, Disk: disk, Timeout: time.Minute, Most: 10, Sinks: []Sink{
			funcSink{"slow", func(ctx context.Context, o Offer) error { <-ctx.Done(); time.Sleep(time.Millisecond); return nil }},
		}})
		b.Post(news("1"))
		b.Post(news("2"))
		if b.Settled() {
			t.Error("settled while an event is being delivered")
		}
		if errs := b.Close(t.Context()); len(errs) != 0 {
			t.Errorf("Close: %v", errs)
		}
		l.has(t, "slow 1 delivered")
		if first, second := disk.fakeDisk["1"], disk.fakeDisk["2"]; !first.Accepts("slow", 1) || len(second.Events) != 1 || second.Accepts("slow", 1) {
			t.Errorf("on disk: %+v, %+v", first, second)
		}
		b.Post(news("3")) // after the end it does no harm
	})
}

// A disk that fails or panics is told, and the events go out all the same.
func TestDiskThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(log)
		disk := newDisk("1")
		broken := true
		disk.wait = func() {
			if broken {
				panic("no disk today")
			}
		}
		b := New(Config{Observer: l, Disk: disk, Timeout: time.Second, Most: 10, Sinks: []Sink{
			funcSink{"good", func(context.Context, Offer) error { return nil }},
		}})
		b.Post(news("1"))
		synctest.Wait()
		if !slices.Contains(l.lines, "good 1 delivered") || !slices.Contains(l.lines, "1: panic: no disk today") {
			t.Errorf("told %q", l.lines)
		}
		broken = false
		again := news("1")
		again.First = false
		b.Post(again)
		synctest.Wait()
		if d := disk.fakeDisk["1"]; !d.Accepts("good", 1) || !d.Accepts("good", 2) {
			t.Errorf("the next change does not record all: %+v", d)
		}
		if errs := b.Close(t.Context()); len(errs) != 0 {
			t.Errorf("Close: %v", errs)
		}
		if n := len(l.lines); n > 4 {
			t.Errorf("a disk that fails is tried all the time: %q", l.lines)
		}
	})
}

// Without sinks nothing runs, and without a disk no clerk.
func TestNothingToDo(t *testing.T) {
	b := New(Config{Disk: newDisk(), Observer: new(log)})
	b.Post(news("1"))
	b.Backlog("2")
	if errs := b.Close(t.Context()); len(errs) != 0 || !b.Settled() {
		t.Errorf("Close: %v", errs)
	}
	if !errors.Is(new(fakeDisk).write("1", store.Delivery{}), fs.ErrNotExist) {
		t.Error("the fake disk keeps what has no folder")
	}
}

type panickingError struct{}

func (e panickingError) Error() string { panic(e) }

type pointerError struct{ cause error }

func (e *pointerError) Error() string { return e.cause.Error() }
func (e *pointerError) Unwrap() error { return e.cause }

// What a sink returns or panics with may itself panic when it is looked at.
func TestErrorsThatPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(log)
		b := New(Config{Observer: l, Timeout: time.Second, Most: 10, Sinks: []Sink{
			funcSink{"nil pointer", func(context.Context, Offer) error { return (*pointerError)(nil) }},
			funcSink{"panicking error", func(context.Context, Offer) error { return panickingError{} }},
			funcSink{"panicking panic", func(context.Context, Offer) error { panic(panickingError{}) }},
		}})
		b.Post(news("1"))
		synctest.Wait()
		if errs := b.Close(t.Context()); errs != nil {
			t.Errorf("Close: %v", errs)
		}
		l.has(t,
			"nil pointer 1 failed: a *outbox.pointerError, whose text cannot be had, late false",
			"panicking error 1 failed: a outbox.panickingError, whose text cannot be had, late false",
			"panicking panic 1 failed: sink panicking panic panicked: a outbox.panickingError, whose text cannot be had, late false")
	})
}

// An error whose text takes for ever is overdue, like a Deliver that does not return.
func TestErrorThatBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(log)
		release := make(chan struct{})
		b := New(Config{Observer: l, Timeout: time.Second, Most: 10, Sinks: []Sink{
			funcSink{"blocks", func(context.Context, Offer) error { return blockingError{release} }},
		}})
		b.Post(news("1"))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		l.has(t, "blocks 1 overdue: sink blocks has not returned after 1s: context deadline exceeded")
		close(release)
		if errs := b.Close(t.Context()); errs != nil {
			t.Errorf("Close: %v", errs)
		}
	})
}

type blockingError struct{ release chan struct{} }

func (e blockingError) Error() string { <-e.release; return "no" }

// What could not be written while the disk was full is written when the box is closed.
func TestCloseWritesWhatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := true
		disk := newDisk("1")
		b := New(Config{Observer: new(log), Disk: fullDisk{disk, &full}, Timeout: time.Second, Most: 10, Sinks: []Sink{
			funcSink{"good", func(context.Context, Offer) error { return nil }},
		}})
		b.Post(news("1"))
		synctest.Wait()
		full = false
		if errs := b.Close(t.Context()); errs != nil {
			t.Errorf("Close: %v", errs)
		}
		if d := disk.fakeDisk["1"]; !d.Accepts("good", 1) {
			t.Errorf("on disk: %+v", d)
		}
	})
}

type fullDisk struct {
	*slowDisk
	full *bool
}

func (d fullDisk) Write(id string, with store.Delivery) error {
	if *d.full {
		return errors.New("no space left on device")
	}
	return d.slowDisk.Write(id, with)
}
