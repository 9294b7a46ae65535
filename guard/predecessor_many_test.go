//go:build linux

package guard

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard/internal/postmortem"
	"github.com/leakguard/leakguard/internal/blackbox"
	"github.com/leakguard/leakguard/internal/procfs"
	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/profile/incident"
)

func init() { children["graveyard"] = graveyardChild }

// graveyardChild leaves boxes of so many processes that died.
func graveyardChild(args []string) {
	n := must(strconv.Atoi(args[1]))
	first := must(strconv.Atoi(args[2]))
	for i := range n {
		box := must(blackbox.Create(args[0], blackbox.Header{Boot: procfs.BootID("/"), PID: 1_000_000 + first + i, Started: time.Now(), Columns: postmortem.Columns(), Every: time.Second}, false))
		must(0, box.Sample(time.Now(), make([]int64, postmortem.MostValues)))
	}
}

// graveyard makes a folder with the boxes of so many dead processes, and incidents that
// they left.
func graveyard(t *testing.T, dead, incidents int) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "evidence")
	store, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for i := range incidents {
		leftIncident(t, store, time.Now().Add(time.Duration(i-incidents)*time.Minute))
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	const each = 100
	for first := 0; first < dead; first += each {
		if out, err := child(t, "graveyard", dir, fmt.Sprint(min(each, dead-first)), fmt.Sprint(first)).Output(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if n := len(leftovers(t, dir)); n != dead {
		t.Fatalf("%d boxes, want %d", n, dead)
	}
	return dir
}

// incidentsIn returns the incidents in a folder, one name after the other.
func incidentsIn(dir string) (names string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if incident.IsID(e.Name()) {
			names += e.Name() + "\n"
		}
	}
	return names
}

// incidentsAtOnce counts the incidents in a folder. A listing that takes two system calls
// may show one that has gone beside the one that came for it, so only two that agree count.
func incidentsAtOnce(dir string) int {
	for before := incidentsIn(dir); ; {
		names := incidentsIn(dir)
		if names == before {
			return strings.Count(names, "\n")
		}
		before = names
	}
}

// Of many deaths the newest are reported and the others counted, with few descriptors,
// and never are there more incidents than may be kept.
func TestManyDeaths(t *testing.T) {
	const dead, keep = 400, 8
	dir := graveyard(t, dead, keep)
	before := len(descriptors(t))
	most, kept := 0, 0
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			most, kept = max(most, len(descriptors(t))), max(kept, incidentsAtOnce(dir))
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	sink := newEar(nil)
	g, book := startUnchecked(t, "/", Config{Dir: dir, KeepIncidents: keep, Sinks: []Sink{sink}})
	var told []Event
	waitFor(t, "four deaths", func() bool {
		sink.mu.Lock()
		defer sink.mu.Unlock()
		told = nil
		for _, e := range sink.offered {
			if e.Kind == PreviousDeath {
				told = append(told, e)
			}
		}
		return len(told) >= mostTold
	})
	settled(t, g)
	mustClose(t, g)
	close(stop)
	<-stopped
	if len(told) != mostTold {
		t.Fatalf("%d deaths are reported, want %d", len(told), mostTold)
	}
	for i, e := range told[:mostTold-1] {
		if !e.Incident.Opened.Before(told[i+1].Incident.Opened) || e.Incident.Death.Untold != 0 {
			t.Errorf("death %d of %v, before one of %v, counts %d others", i, e.Incident.Opened, told[i+1].Incident.Opened, e.Incident.Death.Untold)
		}
	}
	if newest := told[mostTold-1]; newest.Incident.Death.Untold != dead-mostTold || !strings.Contains(newest.Reason, "396 more processes died") {
		t.Errorf("the newest counts %d: %s", newest.Incident.Death.Untold, newest.Reason)
	} else if head := headlineIn(t, newest.Incident.Folder); !strings.Contains(head, "396 more processes died") {
		t.Errorf("its report begins %q", head)
	}
	if n := len(book.loud("The previous process")); n != mostTold {
		t.Errorf("%d lines in the log, want %d", n, mostTold)
	}
	// The guard's own, the folders of four deaths, and what is open for a moment.
	if most > before+40 {
		t.Errorf("%d descriptors were open, before there were %d", most, before)
	}
	if kept > keep {
		t.Errorf("%d incidents were kept, want at most %d at any time", kept, keep)
	}
	if left := leftovers(t, dir); len(left) != 0 {
		t.Errorf("%d boxes are left", len(left))
	}

	// Once, whoever comes next.
	next := newEar(nil)
	g = startWith(t, dir, next)
	rest(t, g)
	if got := next.heard(); len(got) > 0 {
		t.Errorf("told again: %q", got)
	}
}

// With fewer incidents to keep there are fewer reports.
func TestDeathsWithinKeepIncidents(t *testing.T) {
	const keep = 2
	dir := graveyard(t, 10, keep)
	sink := newEar(nil)
	g, _ := startUnchecked(t, "/", Config{Dir: dir, KeepIncidents: keep, Sinks: []Sink{sink}})
	waitFor(t, "the boxes to be seen to", func() bool { return len(leftovers(t, dir)) == 1 }) // our own
	settled(t, g)
	if n := incidentsAtOnce(dir); n > keep {
		t.Errorf("%d incidents are kept, want at most %d", n, keep)
	}
	mustClose(t, g)
}

// A guard that is closed gives up between two boxes; the next one goes on.
func TestCloseEndsTheLookForTheDead(t *testing.T) {
	const dead = 10
	dir := graveyard(t, dead, 0)
	g, _ := startUnchecked(t, "/", Config{Dir: dir, NoBlackBox: true})
	g.cancel()
	c := coroner{keeper: g.keeper, ctx: g.ctx, at: g.loop.hereNow(), most: mostTold}
	if deaths, _ := c.look(); len(deaths) != 0 || len(leftovers(t, dir)) != dead {
		t.Errorf("%d deaths are reported, %d boxes left", len(deaths), len(leftovers(t, dir)))
	}
	// The error of Close says what is under way.
	g.keeper.surveys.wait() // else the baseline at Start may be
	g.timeout = 50 * time.Millisecond
	release := make(chan struct{})
	g.keeper.do(func() {
		<-release
	})
	if err := g.Close(); err == nil || !strings.Contains(err.Error(), "the work on earlier processes' incidents has not ended") {
		t.Errorf("Close: %v", err)
	}
	close(release)
	<-g.keeper.stopped
}
