//go:build unix

package guard

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/blackbox"
	"github.com/leakguard/leakguard/profile/incident"
)

func init() { children["dying"] = dyingChild }

// dyingChild starts a guard, says so, and ends as it is told.
func dyingChild(args []string) {
	cfg := Config{Dir: args[0], Rules: []Rule{}, Service: "shop", Version: "1.2", Interval: 10 * time.Millisecond}
	how := args[1]
	cfg.CrashOutput = strings.HasPrefix(how, "traced")
	g := must(Start(cfg))
	for g.Snapshot().Counters.Readings < 5 {
		time.Sleep(time.Millisecond)
	}
	if how == "captured" {
		must(g.Capture(context.Background(), "before the end"))
	}
	fmt.Println("ready")
	switch how {
	case "exit":
		os.Exit(0)
	case "closed":
		must(0, g.Close())
		os.Exit(0)
	case "panic", "traced panic":
		panicIn(nil)
	case "deferred", "traced deferred":
		defer g.Close()
		panic("the deferred Close runs first")
	}
	select {} // until killed
}

func panicIn(m map[string]int) { m["x"] = 1 }

// die runs a process that dies on the folder, and returns when it was alive last.
func die(t *testing.T, dir, how string) (alive time.Time) {
	t.Helper()
	cmd, said := begin(t, dir, how)
	if !said.Scan() {
		t.Fatal("the child said nothing")
	}
	alive = time.Now()
	if how == "SIGKILL" || how == "captured" {
		cmd.Process.Kill()
	}
	cmd.Wait()
	return alive
}

func begin(t *testing.T, dir, how string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := child(t, "dying", dir, how)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = nil // of a panic that is meant
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// leftovers are the files of black boxes in a folder.
func leftovers(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if blackbox.IsName(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestDeathsToldApart(t *testing.T) {
	for how, want := range map[string]struct {
		cause incident.DeathCause // "": nothing is told
		text  []string
	}{
		"SIGKILL":         {incident.DeathUnknown, []string{"was killed, crashed"}},
		"exit":            {incident.DeathUnknown, []string{"or exited without Guard.Close"}},
		"panic":           {incident.DeathUnknown, nil},
		"traced panic":    {incident.DeathPanic, []string{"panicked", "assignment to entry in nil map", "panicIn", "predecessor_unix_test.go:"}},
		"closed":          {"", nil},
		"deferred":        {"", nil},
		"traced deferred": {incident.DeathPanic, []string{"the deferred Close runs first"}},
	} {
		t.Run(how, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "evidence")
			begun := time.Now()
			alive := die(t, dir, how)
			sink := newMailbox("relay")
			g, book := startUnchecked(t, "/", Config{Dir: dir, Sinks: []Sink{sink}})
			if want.cause == "" {
				settled(t, g)
				mustClose(t, g)
				sink.empty(t)
				if left := leftovers(t, dir); len(left) > 0 {
					t.Errorf("left: %q", left)
				}
				return
			}
			e := sink.next(t, PreviousDeath)
			d := e.Incident.Death
			if d == nil || d.Cause != want.cause {
				t.Fatalf("got %+v, want %s", d, want.cause)
			}
			for _, text := range want.text {
				if !strings.Contains(e.Reason, text) {
					t.Errorf("the reason lacks %q: %s", text, e.Reason)
				}
			}
			if d.LastSample.Before(begun) || d.LastSample.After(alive.Add(longWait)) || d.Found.Before(d.LastSample) || d.Lived <= 0 {
				t.Errorf("last sample %v, found %v, lived %v", d.LastSample, d.Found, d.Lived)
			}
			if e.Redelivered || e.Incident.Rule != incident.RulePreviousDeath || e.Incident.Trigger != incident.TriggerDeath || !e.Time.Equal(d.LastSample) {
				t.Errorf("event %+v", e)
			}
			if e.Incident.Reading.Goroutines <= 0 || e.Incident.Reading.HeapAlloc <= 0 {
				t.Errorf("last reading %+v", e.Incident.Reading)
			}
			waitFor(t, "the log line", func() bool { return len(book.loud("The previous process")) > 0 })
			book.once(t, "The previous process")
			m, err := g.Store().Incident(e.Incident.ID)
			if err != nil || len(m.Warnings) > 0 || m.Process.Service != "shop" || m.Process.Version != "1.2" || m.Process.PID == os.Getpid() || len(m.Readings) == 0 {
				t.Errorf("manifest %+v, %v", m, err)
			}
			report, err := os.ReadFile(filepath.Join(e.Incident.Folder, incident.ReportText))
			if err != nil || !strings.HasPrefix(string(report), "The previous process") {
				t.Errorf("report %.200s, %v", report, err)
			}
			if want.cause == incident.DeathPanic {
				trace, err := os.ReadFile(filepath.Join(e.Incident.Folder, incident.CrashText))
				if err != nil || !strings.Contains(string(trace), "goroutine ") {
					t.Errorf("trace %.100q, %v", trace, err)
				}
			}
			waitFor(t, "the delivery to be booked", func() bool { return g.Snapshot().Counters.Delivered == 1 })
			settled(t, g)
			mustClose(t, g)

			// Once, whoever comes next.
			g = startWith(t, dir, sink, newMailbox("other"))
			settled(t, g)
			mustClose(t, g)
			sink.empty(t)
			if left := leftovers(t, dir); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

func TestDeathOfNeighbour(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evidence")
	living, said := begin(t, dir, "none")
	defer func() { living.Process.Kill(); living.Wait() }()
	if !said.Scan() {
		t.Fatal("the child said nothing")
	}
	die(t, dir, "SIGKILL")

	// Of several that start at once one tells of the one that is dead.
	sink := newMailbox("relay")
	const starters = 4
	guards := make([]*Guard, starters)
	for i := range guards {
		guards[i] = startWith(t, dir, sink)
	}
	e := sink.next(t, PreviousDeath)
	for _, g := range guards {
		settled(t, g)
	}
	for _, g := range guards {
		mustClose(t, g)
	}
	sink.empty(t)
	if m, err := keptIn(dir); err != nil || len(m) != 1 || m[0].Process.PID == living.Process.Pid || m[0].ID != e.Incident.ID {
		t.Errorf("incidents %+v, %v", m, err)
	}
	if left := leftovers(t, dir); len(left) != 1 {
		t.Errorf("boxes left: %q, want that of the living", left)
	}
	living.Process.Signal(syscall.SIGKILL)
	living.Wait()
	g := startWith(t, dir, sink)
	defer mustClose(t, g)
	if e := sink.next(t, PreviousDeath); e.Incident.Death.Series.Count != 2 || !strings.Contains(e.Reason, "the 2nd death of this kind in 24 h") {
		t.Errorf("got %+v: %s", e.Incident.Death.Series, e.Reason)
	}
}

// The event waits until it is known who leaked, and quotes it.
func TestDeathQuotesItsEvidence(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evidence")
	die(t, dir, "captured")
	sink := newMailbox("relay")
	g := startWith(t, dir, sink)
	var e Event
	for e.Kind != PreviousDeath {
		select {
		case e = <-sink.events:
		case <-time.After(longWait):
			t.Fatal("nothing is told of the death")
		}
	}
	d := e.Incident.Death
	if len(d.Incidents) != 1 || d.Culprit == "" || e.Incident.Headline != d.Culprit {
		t.Fatalf("got %+v, headline %q", d, e.Incident.Headline)
	}
	settled(t, g)
	m, err := g.Store().Incident(d.Incidents[0])
	if err != nil || m.Headline != d.Culprit {
		t.Errorf("the evidence says %q, the death %q, %v", m.Headline, d.Culprit, err)
	}
	if head := headlineIn(t, e.Incident.Folder); head != d.Headline() {
		t.Errorf("the report begins %q, want %q", head, d.Headline())
	}
	mustClose(t, g)
}

// What another boot has left is told when it is certain that nobody writes to it.
func TestDeathBeforeReboot(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evidence")
	die(t, dir, "SIGKILL")
	root := t.TempDir()
	path := filepath.Join(root, "proc/sys/kernel/random/boot_id")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("another\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sink := newMailbox("relay")
	g, _ := startUnchecked(t, root, Config{Dir: dir, Sinks: []Sink{sink}})
	settled(t, g)
	mustClose(t, g)
	if len(leftovers(t, dir)) == 1 { // a slow machine may have let it grow old
		sink.empty(t)
		old := time.Now().Add(-time.Minute)
		if err := os.Chtimes(filepath.Join(dir, leftovers(t, dir)[0]), old, old); err != nil {
			t.Fatal(err)
		}
		g, _ = startUnchecked(t, root, Config{Dir: dir, Sinks: []Sink{sink}})
		defer mustClose(t, g)
	}
	if e := sink.next(t, PreviousDeath); e.Incident.Death.Cause != incident.DeathHost || !strings.Contains(e.Reason, "likely ended with its host") {
		t.Errorf("got %+v: %s", e.Incident.Death, e.Reason)
	}
}

func TestNoBlackBox(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evidence")
	die(t, dir, "SIGKILL")
	sink := newMailbox("relay")
	g, _ := startUnchecked(t, "/", Config{Dir: dir, Sinks: []Sink{sink}, NoBlackBox: true})
	settled(t, g)
	if left := leftovers(t, dir); len(left) != 1 {
		t.Errorf("boxes %q, want the dead one's", left)
	}
	mustClose(t, g)
	sink.empty(t)
}

// A box that cannot be written is no reason not to watch.
func TestBoxCannotBeWritten(t *testing.T) {
	g, book := startUnchecked(t, "/", Config{Interval: 10 * time.Millisecond})
	waitFor(t, "a sample", func() bool { return g.Snapshot().Counters.Readings > 2 })
	g.inLoop(context.Background(), func() { g.loop.recorder.box.Close() })
	waitFor(t, "the failure", func() bool { return g.Snapshot().Counters.SlowRecords > 0 })
	before := g.Snapshot().Counters.Readings
	waitFor(t, "further samples", func() bool { return g.Snapshot().Counters.Readings > before+2 })
	book.once(t, "a write to the black box was slow or failed")
	if n := g.Snapshot().Counters.SlowRecords; n != 1 {
		t.Errorf("%d tries, want it to rest after the first", n)
	}
	mustClose(t, g)
}

// A Close that gives up waiting for the evidence is an orderly end all the same.
func TestALateCloseIsNoDeath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evidence")
	g, _ := startUnchecked(t, "/", Config{Dir: dir, CloseTimeout: 20 * time.Millisecond})
	release := make(chan struct{})
	if !g.keeper.do(func() { <-release }) {
		t.Fatal("the keeper has no room")
	}
	err := g.Close()
	boxes := leftovers(t, dir)
	if err == nil || len(boxes) != 1 {
		t.Fatalf("Close: %v, want that it gives up; boxes %q", err, boxes)
	}
	waitFor(t, "the word of leave", func() bool {
		data, err := os.ReadFile(filepath.Join(dir, boxes[0]))
		if err != nil {
			t.Fatal(err)
		}
		r, err := blackbox.Read(data)
		return err == nil && r.Clean
	})
	close(release)
	waitFor(t, "the box to be removed", func() bool { return len(leftovers(t, dir)) == 0 })
}

func BenchmarkRecord(b *testing.B) {
	g := must(Start(Config{Dir: filepath.Join(b.TempDir(), "evidence"), Rules: []Rule{}, Interval: time.Minute, PollOnly: true}))
	defer g.Close()
	b.ReportAllocs()
	g.inLoop(context.Background(), func() {
		for b.Loop() {
			g.loop.recorder.sample(&g.loop.reading)
		}
	})
}

// keptIn returns what a guard has kept in a folder.
func keptIn(dir string) ([]incident.Manifest, error) {
	kept, err := incident.OpenStore(dir)
	if err != nil {
		return nil, err
	}
	return kept.Incidents()
}

// headlineIn returns the first line of the report in an incident's folder.
func headlineIn(t *testing.T, folder string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, incident.ReportText))
	if err != nil {
		t.Error(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}
