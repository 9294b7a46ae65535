package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard/internal/evidence"
	"github.com/leakguard/leakguard/internal/filelock"
	"github.com/leakguard/leakguard/internal/testenv"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// nextExplained waits for the report of an incident.
func (m *mailbox) nextExplained(t *testing.T) Event {
	t.Helper()
	select {
	case e := <-m.explained:
		return e
	case <-time.After(longWait):
		t.Fatalf("sink %s got no report", m.name)
	}
	panic("unreachable")
}

func checkReport(t *testing.T, e Event, id string) {
	t.Helper()
	i := e.Incident
	if i.ID != id || i.Headline == "" || e.Reason != i.Headline {
		t.Errorf("explained is %s, %q, because %q; want %s with a headline", i.ID, i.Headline, e.Reason, id)
	}
	for _, name := range []string{incident.ReportText, incident.ReportMarkdown, incident.ReportHTML} {
		text, err := os.ReadFile(filepath.Join(i.Folder, name))
		if err != nil || !strings.Contains(string(text), "main") && !strings.Contains(string(text), "goroutine") {
			t.Errorf("%s: %v\n%.200s", name, err, text)
		}
		if !slices.ContainsFunc(i.Artefacts, func(a incident.Artefact) bool { return a.Name == name }) {
			t.Errorf("the event's artefacts lack %s", name)
		}
	}
	text, _ := os.ReadFile(filepath.Join(i.Folder, incident.ReportText))
	if first, _, _ := strings.Cut(string(text), "\n"); !strings.Contains(first, strings.Fields(i.Headline)[0]) {
		t.Errorf("the report begins with %q, the headline is %q", first, i.Headline)
	}
}

func TestExplained(t *testing.T) {
	box := newMailbox("box")
	g, _ := startGuard(t, Config{Rules: []Rule{}, Sinks: []Sink{box}})
	i := mustCapture(t, g)
	e := box.nextExplained(t)
	checkReport(t, e, i.ID)
	if e.Redelivered {
		t.Error("it is said to be of an earlier process")
	}
	m, err := g.Store().Incident(i.ID)
	if err != nil || m.Headline != e.Incident.Headline || len(m.Warnings) > 0 {
		t.Errorf("the manifest says %q, warnings %q, %v", m.Headline, m.Warnings, err)
	}
	if c := g.Snapshot().Counters; c.Explained != 1 || c.FailedReports != 0 {
		t.Errorf("counters: %+v", c)
	}
}

// What a process had no time to explain, the next one does, once, and also where
// there is not even a manifest.
func TestExplainedByTheNextStart(t *testing.T) {
	for _, cut := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "evidence")
		g, _ := startUnchecked(t, "/", Config{Dir: dir, Rules: []Rule{}, NoReports: true})
		i := mustCapture(t, g)
		mustClose(t, g)
		if cut {
			if err := os.Remove(filepath.Join(i.Folder, "manifest.json")); err != nil {
				t.Fatal(err)
			}
		}
		box := newMailbox("box")
		g = startWith(t, dir, box)
		e := box.nextExplained(t)
		checkReport(t, e, i.ID)
		if !e.Redelivered {
			t.Error("it is not said to be of an earlier process")
		}
		m, err := g.Store().Incident(i.ID)
		if err != nil || m.CutShort != cut {
			t.Errorf("cut short: %v, want %v; %v", m.CutShort, cut, err)
		}
		waitFor(t, "the delivery to be booked", func() bool { d, err := g.keeper.store.Delivery(i.ID); return err == nil && d.Has("box", "explained") })
		mustClose(t, g)

		box = newMailbox("box")
		g = startWith(t, dir, box)
		settled(t, g)
		if c := g.Snapshot().Counters; c.Explained != 0 || len(box.explained) != 0 {
			t.Errorf("explained a second time: %+v", c)
		}
		mustClose(t, g)
	}
}

// An incident whose explanation killed one start is left alone by the next, and that is
// said; a process that is still at it has not been killed.
func TestWhatKilledAStartIsNotExplainedAgain(t *testing.T) {
	for _, dead := range []bool{true, false} {
		dir := filepath.Join(t.TempDir(), "evidence")
		g, _ := startUnchecked(t, "/", Config{Dir: dir, Rules: []Rule{}, NoReports: true})
		i := mustCapture(t, g)
		mustClose(t, g)
		mark := filepath.Join(i.Folder, "explaining.txt")
		if err := os.WriteFile(mark, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if !dead {
			f, err := os.OpenFile(mark, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			taken, err := filelock.Try(f)
			testenv.Need(t, err == nil && taken, "needs locks of files")
		}
		box := newMailbox("box")
		g, log := startUnchecked(t, "/", Config{Dir: dir, Rules: []Rule{}, Sinks: []Sink{box}})
		if dead {
			settled(t, g)
			waitFor(t, "the warning", func() bool { return len(log.loud("will not be explained")) == 1 })
			if n := len(box.explained); n != 0 {
				t.Errorf("%d reports", n)
			}
			if m, err := g.Store().Incident(i.ID); err != nil || len(m.Artefacts) == 0 || len(m.Warnings) > 0 {
				t.Errorf("%d artefacts are left, warnings %q, %v", len(m.Artefacts), m.Warnings, err)
			}
		} else {
			checkReport(t, box.nextExplained(t), i.ID)
		}
		mustClose(t, g)
	}
}

func TestNoReports(t *testing.T) {
	box := newMailbox("box")
	g, _ := startGuard(t, Config{Rules: []Rule{}, Sinks: []Sink{box}, NoReports: true})
	i := mustCapture(t, g)
	g.Snapshot() // the loop has looked since
	if _, err := os.Stat(filepath.Join(i.Folder, incident.ReportText)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a report: %v", err)
	}
}

// An explanation waits while evidence may be needed, and where it would take more
// than its part of the memory left.
func TestRefuseExplanation(t *testing.T) {
	quiet := func() *loop {
		l := &loop{watch: newWatch(nil, 1), observer: newObserver()}
		l.view.growth = &l.growth
		l.view.headroom, l.view.spare = 100*mib, 100*mib
		l.reading = incident.NewReading(time.Now())
		return l
	}
	e := explanation{predicted: 20 * mib}
	if why := quiet().refuseExplanation(e); why != "" {
		t.Errorf("refused: %s", why)
	}
	l := quiet()
	l.watch.ledger.underway = []underway{{}}
	if why := l.refuseExplanation(e); !strings.Contains(why, "a capture is running") {
		t.Errorf("beside a capture: %q", why)
	}
	l = quiet()
	l.growth.add(point{at: 0, cpu: profile.Unknown, bytes: 0})
	l.growth.add(point{at: time.Second, cpu: profile.Unknown, bytes: 50 * mib})
	if why := l.refuseExplanation(e); !strings.Contains(why, "limit is near") {
		t.Errorf("2 s before the limit: %q", why)
	}
	if why := quiet().refuseExplanation(explanation{predicted: 26 * mib}); !strings.Contains(why, "a quarter of the headroom") {
		t.Errorf("of 100 MiB headroom 26: %q", why)
	}
	l = quiet()
	l.view.headroom, l.view.spare = profile.Unknown, profile.Unknown
	if why := l.refuseExplanation(e); why != "" {
		t.Errorf("refused where no limit is known: %s", why)
	}
}

// One explanation that finds no room does not hold up the others, and says so
// once.
func TestExplanationsDoNotQueueBehindALargeOne(t *testing.T) {
	l := &loop{watch: newWatch([]Rule{{Name: "a", Signal: Memory, Line: Absolute(1)}}, 1), observer: newObserver()}
	l.view.growth, l.view.headroom, l.view.spare = &l.growth, 100*mib, 100*mib
	l.reading = incident.NewReading(time.Now())
	i := &liveIncident{record: evidence.NewRecord(incident.Manifest{})}
	i.ID = "large"
	l.open = []*liveIncident{i}
	l.wantExplanation(explanation{id: "large", predicted: 60 * mib})
	l.wantExplanation(explanation{id: "small", predicted: 1 * mib})
	for range 3 {
		if next := slices.IndexFunc(l.explanations.waiting, l.mayExplain); next != 1 {
			t.Fatalf("the next is number %d, want the small one", next)
		}
	}
	if n := len(i.record.Snapshot().Decisions); n != 1 {
		t.Errorf("%d decisions tell that it waits, want one: %+v", n, i.record.Snapshot().Decisions)
	}
}

// A report that is older than the newest profile is made anew.
func TestPredictExplanationOfALaterRound(t *testing.T) {
	heap := profile.Heap
	files := []incident.Artefact{{Name: "heap.pb.gz", Kind: &heap, Size: 1000}, {Name: incident.ReportHTML}, {Name: incident.ReportText}}
	if _, wanting := predictExplanation(files); wanting {
		t.Error("a report that is there is wanted again")
	}
	files = append(files, incident.Artefact{Name: "heap.2.pb.gz", Kind: &heap, Size: 1000})
	if _, wanting := predictExplanation(files); !wanting {
		t.Error("the report does not know the second round, and is not wanted")
	}
	if _, wanting := predictExplanation(nil); wanting {
		t.Error("a report of nothing is wanted")
	}
}

// Of a folder with any number of files, those are predicted that an explanation reads.
func TestComparedFiles(t *testing.T) {
	var files []incident.Artefact
	for i := range 1000 {
		for _, name := range []string{"heap.%d.pb.gz", "heap-fresh.%d.pb.gz", "heap-base.%d.pb.gz", "goroutine.%d.pb.gz", "goroutine.%d.txt", "report.%d.txt", "cpu.%d.pb.gz"} {
			files = append(files, incident.Artefact{Name: fmt.Sprintf(name, i+2)})
		}
	}
	var names []string
	for _, a := range comparedFiles(files) {
		names = append(names, a.Name)
	}
	want := []string{"heap-fresh.1001.pb.gz", "heap-base.2.pb.gz", "goroutine.1001.pb.gz", "goroutine.1001.txt", "cpu.1001.pb.gz"}
	if !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	if got := comparedFiles([]incident.Artefact{{Name: "goroutine.txt"}, {Name: "crash.txt"}}); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}
