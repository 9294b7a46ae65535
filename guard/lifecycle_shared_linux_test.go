package guard

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/leakguard/leakguard/internal/testenv"
)

func init() { children["share"] = shareChild }

const sharedCaptures = 5

// shareChild captures some times into a folder that others use as well.
func shareChild(args []string) {
	g := must(Start(Config{Dir: args[0], Rules: []Rule{}, KeepIncidents: 100}))
	for range sharedCaptures {
		fmt.Println(must(g.Capture(context.Background(), "shared")).ID)
	}
	must(0, g.Close())
}

func TestTwoProcessesOnOneFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evidence")
	g, book := startGuard(t, Config{Dir: dir, KeepIncidents: 100})
	type output struct {
		text []byte
		err  error
	}
	outputs := make(chan output, 2)
	for range cap(outputs) {
		cmd := child(t, "share", dir)
		go func() {
			text, err := cmd.Output()
			outputs <- output{text, err}
		}()
	}
	want := make(map[string]bool)
	for range sharedCaptures {
		want[mustCapture(t, g).ID] = true
	}
	for range cap(outputs) {
		o := <-outputs
		if o.err != nil {
			t.Error(o.err)
		}
		for _, id := range strings.Fields(string(o.text)) {
			want[id] = true
		}
	}
	if len(want) != 3*sharedCaptures {
		t.Errorf("%d captures told", len(want))
	}
	incidents, err := g.Store().Incidents()
	if err != nil || len(incidents) != len(want) {
		t.Errorf("%d incidents, %v", len(incidents), err)
	}
	for _, m := range incidents {
		if !want[m.ID] || m.CutShort || len(m.Warnings) > 0 || len(m.Artefacts) < 4 {
			t.Errorf("%s: cut short %v, %d files, %q", m.ID, m.CutShort, len(m.Artefacts), m.Warnings)
		}
	}
	if lines := book.loud("lost"); len(lines) > 0 {
		t.Errorf("said: %q", lines)
	}
}

// clockThreads returns the threads that a timer of this process signals, but for
// those of a CPU profile: an idle thread keeps its own until it runs again.
func clockThreads(t *testing.T) (threads []string) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/timers")
	testenv.Need(t, err == nil, "needs a kernel that lists timers (CONFIG_CHECKPOINT_RESTORE)")
	profiling := false
	for line := range strings.Lines(string(text)) {
		if signal, ok := strings.CutPrefix(line, "signal: "); ok {
			profiling = strings.HasPrefix(signal, fmt.Sprintf("%d/", syscall.SIGPROF))
		}
		if profiling {
			continue
		}
		if tid, ok := strings.CutPrefix(strings.TrimSpace(line), "notify: signal/tid."); ok {
			threads = append(threads, "/proc/self/task/"+tid)
		}
	}
	return threads
}

func TestClockThreadEnds(t *testing.T) {
	if had := clockThreads(t); len(had) != 0 {
		t.Fatalf("%v have a timer before there is a guard", had)
	}
	g, _ := startUnchecked(t, "/", Config{})
	threads := clockThreads(t)
	if len(threads) != 1 {
		t.Fatalf("the threads of the clock are %v, want one", threads)
	}
	if _, err := os.Stat(threads[0]); err != nil {
		t.Error(err)
	}
	mustClose(t, g)
	if left := clockThreads(t); len(left) != 0 {
		t.Errorf("after Close %v have a timer", left)
	}
	waitFor(t, "the thread to end", func() bool { _, err := os.Stat(threads[0]); return err != nil })

	g, _ = startUnchecked(t, "/", Config{PollOnly: true})
	if with := clockThreads(t); len(with) != 0 {
		t.Errorf("%v have a timer with PollOnly", with)
	}
	mustClose(t, g)
}
