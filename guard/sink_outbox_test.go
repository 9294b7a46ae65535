package guard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// ear is a sink that notes the keys of what it is offered, and accepts what it likes.
type ear struct {
	name  string
	likes func(e Event) bool // nil: everything

	mu       sync.Mutex
	offered  []Event
	accepted map[string]int // by key and kind
}

func newEar(likes func(e Event) bool) *ear {
	return &ear{name: "relay", likes: likes, accepted: make(map[string]int)}
}

func (s *ear) Name() string { return s.name }

func (s *ear) Deliver(_ context.Context, e Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offered = append(s.offered, e)
	if s.likes != nil && !s.likes(e) {
		return errors.New("not now")
	}
	s.accepted[e.Key()+" "+e.Kind.String()]++
	return nil
}

// heard lists what was offered, such as '2 escalated' of sequence 2.
func (s *ear) heard() (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.offered {
		list = append(list, fmt.Sprint(e.Sequence, " ", e.Kind))
	}
	return list
}

// play sends events of an incident that has evidence on disk, as the loop would.
func play(t *testing.T, g *Guard, kinds ...EventKind) Incident {
	t.Helper()
	// Else Start may take it for an earlier process's.
	looked := make(chan struct{})
	g.keeper.do(func() { close(looked) })
	<-looked
	i := leftIncident(t, g.keeper.store, time.Now())
	for _, k := range kinds {
		g.sinks.send(Event{Kind: k, Incident: i, Time: time.Now(), Reason: k.String()})
	}
	return i
}

// leftIncident puts an incident of a rule on disk.
func leftIncident(t *testing.T, store *store.Store, at time.Time) Incident {
	t.Helper()
	folder, err := store.Create(at, "memory")
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if err := folder.WriteManifest(incident.Manifest{Rule: "memory", Trigger: incident.TriggerRule, Opened: at, Peak: profile.Unknown}); err != nil {
		t.Fatal(err)
	}
	return Incident{ID: folder.ID(), Rule: "memory", Trigger: incident.TriggerRule, Folder: folder.Path(), Opened: at}
}

// rest waits until there is nothing to be delivered, and closes.
func rest(t *testing.T, g *Guard) {
	t.Helper()
	settled(t, g)
	mustClose(t, g)
}

// A second event of a kind is an event of its own: refused, it is offered again.
func TestRefusedEventsOfEveryKindComeAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evidence")
	first := newEar(func(e Event) bool { return e.Sequence <= 2 })
	g := startWith(t, dir, first)
	i := play(t, g, Opened, Captured, Escalated, Captured, Escalated, Recovered)
	rest(t, g)
	if got, want := first.heard(), []string{"1 opened", "2 captured", "3 escalated", "4 captured", "5 escalated", "6 recovered"}; !slices.Equal(got, want) {
		t.Fatalf("offered %q, want %q", got, want)
	}
	second := newEar(nil)
	g = startWith(t, dir, second)
	rest(t, g)
	if got, want := second.heard(), []string{"3 escalated", "4 captured", "5 escalated", "6 recovered"}; !slices.Equal(got, want) {
		t.Errorf("offered again %q, want %q", got, want)
	}
	for _, e := range second.offered {
		if !e.Redelivered || e.Incident.ID != i.ID || e.Key() != fmt.Sprint(i.ID, "/", e.Sequence) || e.Reason != e.Kind.String() {
			t.Errorf("offered again: %+v", e)
		}
	}
	third := newEar(nil)
	g = startWith(t, dir, third)
	rest(t, g)
	if got := third.heard(); len(got) > 0 {
		t.Errorf("accepted, and offered again: %q", got)
	}
}

// A whole store of incidents that a sink has not heard of is delivered, and what
// happens meanwhile goes first.
func TestBacklogLosesNothingAndNewGoesFirst(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evidence")
	const many = 20
	kinds := []EventKind{Opened, Captured, Escalated, Recovered}
	g := startWith(t, dir, newEar(func(Event) bool { return false }))
	var ids []string
	for range many {
		ids = append(ids, play(t, g, kinds...).ID)
		settled(t, g)
	}
	rest(t, g)

	slow := newEar(nil)
	begun, open := make(chan struct{}), make(chan struct{})
	var once sync.Once
	slow.likes = func(Event) bool { once.Do(func() { close(begun) }); <-open; return true }
	g = startWith(t, dir, slow)
	<-begun // it has one event of the backlog in its hands
	i := play(t, g, Opened)
	close(open)
	rest(t, g)
	if got := slow.offered[1]; got.Incident.ID != i.ID || got.Redelivered {
		t.Errorf("after the event in its hands it was offered %s of %s, want the new incident's", got.Kind, got.Incident.ID)
	}
	next := make(map[string]int)
	for _, e := range slow.offered {
		if next[e.Incident.ID]++; e.Sequence != next[e.Incident.ID] {
			t.Errorf("event %d of %s came as number %d", e.Sequence, e.Incident.ID, next[e.Incident.ID])
		}
	}
	for _, id := range ids {
		if next[id] != len(kinds) {
			t.Errorf("%d events of %s, want %d: %q", next[id], id, len(kinds), slow.heard())
		}
	}
	if n := g.Snapshot().Counters.DroppedEvents; n != 0 {
		t.Errorf("%d events were dropped", n)
	}
}

func init() { children["accept"] = acceptChild }

// acceptChild dies when its sink has accepted one event, before that is recorded.
func acceptChild(args []string) {
	sink := sinkFunc{"relay", func(_ context.Context, e Event) error {
		if e.Kind == Escalated {
			// As if the process died as soon as the relay has answered.
			fmt.Println(e.Key())
			select {}
		}
		return nil
	}}
	g := must(Start(Config{Dir: args[0], Rules: []Rule{}, NoBlackBox: true, NoReports: true, Sinks: []Sink{sink}}))
	i := must(g.Capture(context.Background(), "test"))
	for {
		// The events before are on record.
		if d, err := g.keeper.store.Delivery(i.ID); err == nil && d.Accepts("relay", 2) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	g.sinks.send(Event{Kind: Escalated, Incident: i, Time: time.Now()})
	for {
		if d, err := g.keeper.store.Delivery(i.ID); err == nil && d.Last() == 3 {
			fmt.Println("recorded")
			break
		}
		time.Sleep(time.Millisecond)
	}
	select {} // until killed
}

// A death between acceptance and record repeats that very event, with the same key.
func TestDeathBeforeTheRecordRepeatsOneEvent(t *testing.T) {
	nothingLeft(t)
	dir := filepath.Join(t.TempDir(), "evidence")
	cmd := child(t, "accept", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(map[string]bool)
	key := ""
	for range 2 {
		var line string
		if _, err := fmt.Fscanln(out, &line); err != nil {
			t.Fatal(err)
		}
		if lines[line] = true; line != "recorded" {
			key = line
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	again := newEar(nil)
	g, _ := startUnchecked(t, "/", Config{Dir: dir, NoReports: true, NoBlackBox: true, Sinks: []Sink{again}})
	rest(t, g)
	if len(again.offered) != 1 || again.offered[0].Key() != key || again.offered[0].Kind != Escalated {
		t.Errorf("offered again: %q, want %s only", again.heard(), key)
	}
}

// Over several restarts a sink that refuses at random accepts every event once.
func TestRandomRefusalsOverRestarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evidence")
	random := newEar(func(Event) bool { return rand.IntN(3) == 0 })
	other := newEar(func(Event) bool { return rand.IntN(2) == 0 })
	other.name = "other"
	want := 0
	for range 5 {
		g := startWith(t, dir, random, other)
		for range 3 {
			play(t, g, Opened, Captured, Escalated, Captured, Recovered)
			want += 5
		}
		rest(t, g)
	}
	random.likes, other.likes = nil, nil
	rest(t, startWith(t, dir, random, other))
	for _, s := range []*ear{random, other} {
		if len(s.accepted) != want {
			t.Errorf("sink %s: %d events arrived, want %d", s.name, len(s.accepted), want)
		}
		for key, n := range s.accepted {
			if n != 1 {
				t.Errorf("sink %s: %s arrived %d times", s.name, key, n)
			}
		}
	}
}

// A delivery.json that knows kinds only is understood: nothing is sent again, and
// what was not accepted is offered.
func TestOldDeliveryByKind(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evidence")
	g := startWith(t, dir)
	i := mustCapture(t, g)
	mustClose(t, g)
	write := func(events ...string) {
		t.Helper()
		list := []map[string]any{}
		for _, e := range events {
			list = append(list, map[string]any{"event": e, "time": time.Now()})
		}
		data, err := json.Marshal(map[string]any{"sinks": map[string]any{"relay": list}})
		if err == nil {
			err = os.WriteFile(filepath.Join(i.Folder, "delivery.json"), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	start := func() *ear {
		t.Helper()
		s := newEar(nil)
		g, _ := startUnchecked(t, "/", Config{Dir: dir, NoReports: true, Sinks: []Sink{s}})
		rest(t, g)
		return s
	}
	write("opened", "captured", "explained")
	if got := start().heard(); len(got) > 0 {
		t.Errorf("sent again: %q", got)
	}
	write("opened", "explained")
	if got := start().heard(); len(got) != 1 || !strings.HasSuffix(got[0], " captured") {
		t.Errorf("offered %q, want 'captured' only", got)
	}
	if got := start().heard(); len(got) > 0 {
		t.Errorf("sent again: %q", got)
	}
}

// Whatever a sink does, the guard and the other sinks go on.
func TestSinkThatEndsItsGoroutine(t *testing.T) {
	good := newMailbox("good")
	g, book := startGuard(t, Config{NoReports: true, Sinks: []Sink{
		sinkFunc{"gone", func(context.Context, Event) error { runtime.Goexit(); return nil }}, good,
	}})
	mustCapture(t, g)
	good.next(t, Opened)
	good.next(t, Captured)
	waitFor(t, "two failures", func() bool { return g.Snapshot().Counters.SinkFailures == 2 })
	book.once(t, "sink gone: the sink called runtime.Goexit")
}

func TestLongSinkNameIsRefused(t *testing.T) {
	_, err := Start(Config{Sinks: []Sink{namedSink("a"), namedSink(strings.Repeat("x", 65))}})
	if err == nil || !strings.Contains(err.Error(), "Sinks[1].Name()") || !strings.Contains(err.Error(), "1 to 64 bytes") {
		t.Errorf("Start: %v", err)
	}
	var many []Sink
	for i := range 65 {
		many = append(many, namedSink(fmt.Sprint(i)))
	}
	if _, err := Start(Config{Sinks: many}); err == nil || !strings.Contains(err.Error(), "Sinks: 65: want at most 64") {
		t.Errorf("Start: %v", err)
	}
}

// Without a disk events go out from memory, with keys.
func TestDeliveryWithoutADisk(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sink := newEar(nil)
	g, _ := startUnchecked(t, "/", Config{Dir: filepath.Join(file, "evidence"), Sinks: []Sink{sink}})
	if g.Store() != nil {
		t.Skip("there is a disk")
	}
	g.Capture(t.Context(), "test")
	settled(t, g)
	mustClose(t, g)
	if got, want := sink.heard(), []string{"1 opened", "2 captured"}; !slices.Equal(got, want) {
		t.Errorf("offered %q, want %q", got, want)
	}
}

// What the manifest tells of and nobody recorded is an event all the same.
func TestCompleteDelivery(t *testing.T) {
	at := time.Now()
	heap := profile.Heap
	m := incident.Manifest{
		Rule: "memory", Trigger: incident.TriggerRule, Opened: at, Headline: "who", Recovered: &at,
		Artefacts: []incident.Artefact{{Name: "heap.pb.gz", Kind: &heap}},
	}
	list := func(d store.Delivery) (kinds []string) {
		for i, e := range d.Events {
			if i > 0 && e.Sequence <= d.Events[i-1].Sequence {
				t.Errorf("sequence %d after %d", e.Sequence, d.Events[i-1].Sequence)
			}
			kinds = append(kinds, e.Event)
		}
		return kinds
	}
	all := []string{"opened", "captured", "explained", "recovered"}
	if got := list(completeDelivery(m, store.Delivery{})); !slices.Equal(got, all) {
		t.Errorf("of the manifest: %q", got)
	}
	// Evidence after a capture that failed is news.
	some := store.Delivery{Events: []store.DeliveryEvent{
		{Sequence: 1, Event: "opened"}, {Sequence: 4, Event: "captured", NotCaptured: "no disk"}, {Sequence: 5, Event: "escalated"}}}
	if got, want := list(completeDelivery(m, some)), []string{"opened", "captured", "escalated", "captured", "explained", "recovered"}; !slices.Equal(got, want) {
		t.Errorf("beside what is recorded: %q, want %q", got, want)
	}
	m.Artefacts, m.Headline, m.Recovered = []incident.Artefact{{Name: "heap-base.pb.gz", Kind: &heap}}, "", nil
	if got := list(completeDelivery(m, store.Delivery{})); !slices.Equal(got, all[:1]) {
		t.Errorf("without evidence: %q", got)
	}
	m.Rule = incident.RulePreviousDeath
	if got := list(completeDelivery(m, store.Delivery{})); len(got) != 0 {
		t.Errorf("of a death that was cut short: %q", got)
	}
	m.Death = new(incident.Death)
	if got := list(completeDelivery(m, store.Delivery{})); !slices.Equal(got, []string{"previous-death"}) {
		t.Errorf("of a death: %q", got)
	}
}
