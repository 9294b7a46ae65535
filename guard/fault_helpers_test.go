package guard

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leakguard/leakguard/guard/guardtest"
	"github.com/leakguard/leakguard/profile"
)

// longWait is for what happens at once on a machine that is not overloaded.
const longWait = 30 * time.Second

// logBook is a slog.Handler that keeps what was said.
type logBook struct {
	mu    sync.Mutex
	lines []string
}

func (b *logBook) Enabled(context.Context, slog.Level) bool { return true }

func (b *logBook) Handle(_ context.Context, r slog.Record) error {
	line := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, line)
	return nil
}

func (b *logBook) WithAttrs([]slog.Attr) slog.Handler { return b }
func (b *logBook) WithGroup(string) slog.Handler      { return b }

// loud returns the lines of at least Warn that contain the text.
func (b *logBook) loud(text string) (found []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range b.lines {
		if (strings.HasPrefix(line, "WARN") || strings.HasPrefix(line, "ERROR")) && strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// once fails the test unless the text was said exactly once, loudly.
func (b *logBook) once(t *testing.T, text string) {
	t.Helper()
	// The line may still be in the queue.
	for deadline := time.Now().Add(longWait); len(b.loud(text)) == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if got := b.loud(text); len(got) != 1 {
		t.Errorf("%q was said %d times, want once:\n%s", text, len(got), strings.Join(got, "\n"))
	}
}

// sinkFunc is a Sink made of a name and a function.
type sinkFunc struct {
	name    string
	deliver func(ctx context.Context, e Event) error
}

func (s sinkFunc) Name() string                               { return s.name }
func (s sinkFunc) Deliver(ctx context.Context, e Event) error { return s.deliver(ctx, e) }

// mailbox is a Sink that accepts everything and keeps it; Explained, which comes
// when it comes, apart from the others.
type mailbox struct {
	name      string
	events    chan Event
	explained chan Event
}

func newMailbox(name string) *mailbox {
	return &mailbox{name, make(chan Event, 1000), make(chan Event, 1000)}
}

func (m *mailbox) Name() string { return m.name }

func (m *mailbox) Deliver(_ context.Context, e Event) error {
	if e.Kind == Explained {
		m.explained <- e
		return nil
	}
	m.events <- e
	return nil
}

// next waits for an event of the kind, which must be the next one.
func (m *mailbox) next(t *testing.T, kind EventKind) Event {
	t.Helper()
	select {
	case e := <-m.events:
		if e.Kind != kind {
			t.Fatalf("sink %s got %s of %s (%s), want %s", m.name, e.Kind, e.Incident.ID, e.Incident.NotCaptured, kind)
		}
		return e
	case <-time.After(longWait):
		t.Fatalf("sink %s got nothing, want %s", m.name, kind)
	}
	panic("unreachable")
}

// empty fails the test if there is an event.
func (m *mailbox) empty(t *testing.T) {
	t.Helper()
	select {
	case e := <-m.events:
		t.Errorf("sink %s got %s of %s, want nothing", m.name, e.Kind, e.Incident.ID)
	default:
	}
}

// always is a rule whose line is crossed from the first reading on.
var always = Rule{Name: "always", Signal: Goroutines, Line: Absolute(1)}

// startGuard starts a guard whose end is checked: that Close succeeds, and that
// neither a goroutine nor a descriptor is left. Zero: a folder of the test's,
// no rules, a log that is kept.
func startGuard(t *testing.T, cfg Config) (*Guard, *logBook) {
	t.Helper()
	g, book := startUnchecked(t, "/", cfg)
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g, book
}

// startUnchecked is startGuard for a Close that is the test's own.
func startUnchecked(t *testing.T, root string, cfg Config) (*Guard, *logBook) {
	t.Helper()
	nothingLeft(t)
	book := new(logBook)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(book)
	}
	if cfg.Dir == "" {
		cfg.Dir = filepath.Join(t.TempDir(), "evidence")
	}
	if cfg.Rules == nil && cfg.Lines == (Lines{}) {
		cfg.Rules = []Rule{}
	}
	g, err := startAt(root, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g, book
}

// nothingLeft has it checked at the end of the test, after all cleanups that
// are registered later, that no goroutine and no descriptor was added.
func nothingLeft(t *testing.T) {
	t.Helper()
	now := goleak.IgnoreCurrent()
	before := descriptors(t)
	t.Cleanup(func() {
		if err := goleak.Find(now); err != nil {
			t.Errorf("after Close: %v", err)
		}
		for fd, what := range descriptors(t) {
			if _, was := before[fd]; !was {
				t.Errorf("after Close: descriptor %s is open: %s", fd, what)
			}
		}
	})
}

// descriptors lists what is open; nothing where the system does not tell.
func descriptors(t *testing.T) map[string]string {
	t.Helper()
	open := make(map[string]string)
	names, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		what, err := os.Readlink(name)
		// The poller of the runtime stays once it was needed.
		if err != nil || strings.HasPrefix(what, "anon_inode:[event") {
			continue
		}
		open[filepath.Base(name)] = what
	}
	return open
}

// waitFor waits until the condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(longWait); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s in vain", what)
		}
	}
}

// crowd starts goroutines that wait until they are dismissed.
func crowd(n int) (dismiss func()) {
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range n {
		all.Go(func() { <-stop })
	}
	return sync.OnceFunc(func() { close(stop); all.Wait() })
}

// settle yields until the number of goroutines is below n.
func settle(t *testing.T, n int) {
	t.Helper()
	waitFor(t, fmt.Sprintf("less than %d goroutines", n), func() bool { return runtime.NumGoroutine() < n })
}

// children are what a test runs in a process of its own: the test's binary, told
// so by the environment.
var children = map[string]func(args []string){}

const childVariable = "GUARD_TEST_CHILD"

// TestMain runs the tests, or what one of them wants run in a process of its own.
func TestMain(m *testing.M) {
	runAsChild()
	guardtest.Main(m)
}

func runAsChild() {
	if name := os.Getenv(childVariable); name != "" {
		children[name](os.Args[1:])
		os.Exit(0)
	}
}

func child(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), childVariable+"="+name)
	cmd.Stderr = t.Output()
	return cmd
}

// testKeeper is a keeper without a disk and a log, of a program whose main module has
// that path.
func testKeeper(module string) *keeper {
	return newKeeper(&Config{Logger: slog.New(slog.DiscardHandler), NoForcedGC: true}, nil, module, new(counters), new(onces))
}

// must is for children, which have no test to fail.
func must[T any](v T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
	return v
}

// wants fails the test unless the incident has the files, and lists them.
func wants(t *testing.T, i Incident, names ...string) {
	t.Helper()
	have := map[string]bool{"manifest.json": true} // which does not list itself
	for _, a := range i.Artefacts {
		have[a.Name] = true
	}
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(i.Folder, name)); err != nil || !have[name] {
			t.Errorf("%s lacks %s: %v; it lists %v", i.ID, name, err, have)
		}
	}
}

func mustCapture(t *testing.T, g *Guard, kinds ...profile.Kind) Incident {
	t.Helper()
	i, err := g.Capture(t.Context(), "test", kinds...)
	if err != nil {
		t.Fatal(err)
	}
	return i
}
