package outbox

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/store"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// fakeDisk keeps what is written, of incidents that have a folder.
type fakeDisk map[string]*store.Delivery

func (d fakeDisk) write(id string, with store.Delivery) error {
	kept := d[id]
	if kept == nil {
		return fs.ErrNotExist
	}
	for _, e := range with.Events {
		kept.Add(e)
	}
	for sink, list := range with.Sinks {
		for _, a := range list {
			kept.Accept(sink, a)
		}
	}
	return nil
}

func (d fakeDisk) read(id string) (store.Delivery, Restore, error) {
	kept := d[id]
	if kept == nil {
		return store.Delivery{}, nil, fs.ErrNotExist
	}
	return clone(*kept), func(e store.DeliveryEvent) any { return "restored " + e.Reason }, nil
}

// post books an event whose reason is its own, and says that it has a folder.
func post(b *Book, d fakeDisk, id, reason string, first bool) {
	b.Post(News{Incident: id, First: first, Event: store.DeliveryEvent{Event: "opened", Time: noon, Reason: reason}, Payload: reason})
	if d != nil {
		if d[id] == nil {
			d[id] = new(store.Delivery)
		}
		b.HasFolder(id)
	}
}

// clerk does what there is to do on disk, and reports whether there was anything.
func clerk(b *Book, d fakeDisk) (busy bool) {
	for {
		if id, delivery, version, ok := b.Unsaved(); ok {
			b.Saved(id, version, d.write(id, delivery))
			busy = true
			continue
		}
		id, ok := b.Unread()
		if !ok {
			return busy
		}
		busy = true
		delivery, restore, err := d.read(id)
		b.Read(id, delivery, restore, err)
	}
}

// offers takes all that a sink is offered and accepts it.
func offers(b *Book, d fakeDisk, sink int) (keys []string) {
	for {
		o, ok := b.Next(sink)
		if !ok {
			if clerk(b, d) {
				continue
			}
			return keys
		}
		keys = append(keys, fmt.Sprintf("%s/%d", o.Incident, o.Event.Sequence))
		b.Done(sink, o, true, noon)
	}
}

func TestNewBeforeOldAndInOrder(t *testing.T) {
	d := make(fakeDisk)
	for _, id := range []string{"1", "2", "3"} {
		d[id] = &store.Delivery{Events: []store.DeliveryEvent{{Sequence: 1, Event: "opened"}, {Sequence: 2, Event: "captured"}}}
	}
	d["2"].Accept("a", store.Accepted{Sequence: 1, Event: "opened"})
	b := NewBook([]string{"a"}, true, 100)
	b.Backlog("1", "2", "3")
	clerk(b, d)
	if o, ok := b.Next(0); !ok || o.Incident != "3" || o.Payload != "restored " {
		t.Fatalf("first: %+v, %v", o, ok)
	} else {
		post(b, d, "4", "new", true)
		b.Done(0, o, false, noon)
	}
	// 3/1 was refused; what was not offered follows. 2/1 was accepted before.
	if got, want := offers(b, d, 0), []string{"4/1", "3/2", "2/2", "1/1", "1/2"}; !slices.Equal(got, want) {
		t.Errorf("offered %v, want %v", got, want)
	}
	// An event of an earlier incident has the next number.
	post(b, d, "1", "explained", false)
	if got, want := offers(b, d, 0), []string{"1/3"}; !slices.Equal(got, want) {
		t.Errorf("offered %v, want %v", got, want)
	}
}

// What does not fit into memory is read from disk, and without a disk it is dropped
// and counted.
func TestMemoryIsBounded(t *testing.T) {
	const many, most = 500, 20
	for _, disk := range []bool{true, false} {
		d := make(fakeDisk)
		b := NewBook([]string{"stuck", "good"}, disk, most)
		post(b, d, "000", "0", true)
		stuck, _ := b.Next(0)
		for i := 1; i < many; i++ {
			post(b, d, fmt.Sprintf("%03d", i), "", true)
			clerk(b, d)
			if b.held() > most {
				t.Fatalf("%d events in memory, want at most %d", b.held(), most)
			}
			if o, ok := b.Next(1); !ok {
				t.Fatal("a sink that hangs holds up another")
			} else {
				b.Done(1, o, true, noon)
			}
		}
		if got := len(offers(b, d, 1)); got != 1 {
			t.Errorf("disk %v: %d more for the good sink, want 1", disk, got)
		}
		b.Done(0, stuck, true, noon)
		got, dropped := len(offers(b, d, 0)), b.Dropped()
		if want := many - 1; got+dropped != want || disk && dropped > 0 || !disk && got > most {
			t.Errorf("disk %v: the slow sink got %d later and lost %d of %d", disk, got, dropped, want)
		}
	}
}

// Of one incident the first and the newest events are kept.
func TestEventsOfOneIncidentAreBounded(t *testing.T) {
	d := make(fakeDisk)
	b := NewBook([]string{"a"}, true, 1000)
	for i := range 10 * mostEvents {
		post(b, d, "1", fmt.Sprint(i), i == 0)
		if l := b.ledgers["1"]; len(l.payloads) > mostEvents || len(b.lanes[0].fresh) > mostEvents {
			t.Fatalf("%d payloads in memory, %d events wait", len(l.payloads), len(b.lanes[0].fresh))
		}
	}
	got := offers(b, d, 0)
	if len(got) != mostEvents || got[0] != "1/1" || got[len(got)-1] != fmt.Sprintf("1/%d", 10*mostEvents) || b.Dropped() != 9*mostEvents {
		t.Errorf("offered %d, from %v to %v", len(got), got[0], got[len(got)-1])
	}
}

func TestAnIncidentThatIsGone(t *testing.T) {
	d := make(fakeDisk)
	b := NewBook([]string{"a", "b"}, true, 100)
	b.Backlog("1")
	clerk(b, d)
	if o, ok := b.Next(0); ok {
		t.Errorf("offered %+v", o)
	}
	post(b, nil, "1", "after all", false)
	clerk(b, d)
	if o, ok := b.Next(1); !ok || o.Payload != "after all" || o.Event.Sequence != 1 {
		t.Errorf("offered %+v, %v", o, ok)
	}
}

// A folder that comes into being while the clerk looks for it is not missed.
func TestFolderWhileItIsWritten(t *testing.T) {
	d := make(fakeDisk)
	b := NewBook([]string{"a"}, true, 100)
	post(b, nil, "1", "x", true)
	if _, _, _, ok := b.Unsaved(); ok {
		t.Error("what has no folder yet is to be written")
	}
	b.HasFolder("1")
	id, _, version, _ := b.Unsaved()
	d["1"] = new(store.Delivery)
	b.HasFolder(id)
	b.Saved(id, version, fs.ErrNotExist)
	clerk(b, d)
	if len(d["1"].Events) != 1 {
		t.Error("its events are not written")
	}
}

// However sinks refuse, processes end and memory overflows: every sink accepts every
// event, in order within each run; twice only what was accepted and not recorded
// when a process died.
func TestEveryEventArrives(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		arrive(t, fmt.Sprint("seed ", seed), r)
		if t.Failed() {
			return
		}
	}
}

func arrive(t *testing.T, name string, r *rand.Rand) {
	sinks := []string{"a", "b", "c"}[:1+r.IntN(3)]
	most := 1 + r.IntN(30)
	dies, refuses := r.IntN(2) == 0, []float64{0, 0.3, 0.9}[r.IntN(3)]
	d := make(fakeDisk)
	posted := make(map[string]int)   // by incident
	arrived := make(map[string]int)  // by sink and key
	unsaved := make(map[string]bool) // accepted when a process died that had not recorded it
	const runs = 6
	for run := range runs {
		last := run == runs-1
		b := NewBook(sinks, true, most)
		b.Backlog(slices.Collect(maps.Keys(d))...)
		running := make(map[int]Offer)
		newest := make(map[string]int) // by sink and incident
		done := func(sink int, accept bool) {
			o := running[sink]
			delete(running, sink)
			key := fmt.Sprintf("%s %s/%d", sinks[sink], o.Incident, o.Event.Sequence)
			if accept {
				if arrived[key]++; arrived[key] > 1 && !unsaved[key] {
					t.Errorf("%s: %s arrived %d times", name, key, arrived[key])
				}
			}
			b.Done(sink, o, accept, noon)
		}
		disk := func() bool {
			if id, delivery, version, ok := b.Unsaved(); ok {
				b.Saved(id, version, d.write(id, delivery))
				return true
			}
			if id, ok := b.Unread(); ok {
				delivery, restore, err := d.read(id)
				b.Read(id, delivery, restore, err)
				return true
			}
			return false
		}
		offer := func(sink int) bool {
			o, ok := b.Next(sink)
			if !ok {
				return false
			}
			key := sinks[sink] + " " + o.Incident
			if o.Event.Sequence <= newest[key] {
				t.Errorf("%s: %s was offered %d after %d", name, key, o.Event.Sequence, newest[key])
			}
			newest[key] = o.Event.Sequence
			running[sink] = o
			return true
		}
		steps := 200
		if last {
			steps = 0
		}
		for range steps {
			sink := r.IntN(len(sinks))
			switch r.IntN(5) {
			case 0:
				id := fmt.Sprintf("%03d", r.IntN(1+run*5))
				if posted[id] < 20 {
					post(b, d, id, "x", posted[id] == 0)
					posted[id]++
					// Until it is on disk an event does not survive the process.
					for {
						id, delivery, version, ok := b.Unsaved()
						if !ok {
							break
						}
						b.Saved(id, version, d.write(id, delivery))
					}
					for disk() {
					}
				}
			case 1, 2:
				disk()
			case 3:
				offer(sink)
			case 4:
				if _, busy := running[sink]; busy {
					done(sink, r.Float64() >= refuses)
				}
			}
		}
		if dies && !last {
			for {
				id, delivery, version, ok := b.Unsaved()
				if !ok {
					break
				}
				for sink, list := range delivery.Sinks {
					for _, a := range list {
						if !d[id].Accepts(sink, a.Sequence) {
							unsaved[fmt.Sprintf("%s %s/%d", sink, id, a.Sequence)] = true
						}
					}
				}
				b.Saved(id, version, fs.ErrInvalid)
			}
			continue
		}
		// A Close: what is being delivered ends, what is accepted is recorded. The
		// last run delivers all.
		for progress := true; progress; {
			progress = false
			for sink := range sinks {
				if _, busy := running[sink]; busy {
					done(sink, last || r.Float64() >= refuses)
					progress = true
				}
			}
			for disk() {
				progress = true
			}
			for sink := range sinks {
				if last && offer(sink) {
					progress = true
				}
			}
		}
		if n := b.Dropped(); n > 0 {
			t.Errorf("%s: %d dropped", name, n)
		}
	}
	for id, n := range posted {
		for _, sink := range sinks {
			for sequence := 1; sequence <= n; sequence++ {
				if key := fmt.Sprintf("%s %s/%d", sink, id, sequence); arrived[key] == 0 {
					t.Errorf("%s: %s never arrived", name, key)
				}
			}
		}
	}
}

// The manifest has the headline before the guard posts the event of it: they are one
// event, with one number.
func TestArrivalIsTheDerivedEvent(t *testing.T) {
	d := fakeDisk{"1": {Events: []store.DeliveryEvent{{Sequence: 1, Event: "opened"}, {Sequence: 2, Event: "captured"}}}}
	for sequence := range 2 {
		d["1"].Accept("a", store.Accepted{Sequence: sequence + 1})
	}
	b := NewBook([]string{"a"}, true, 100)
	b.Post(News{Incident: "1", Folder: true, Event: store.DeliveryEvent{Event: "explained", Time: noon}, Payload: "posted"})
	id, ok := b.Unread()
	if !ok {
		t.Fatal("nothing is to be read")
	}
	read, restore, err := d.read(id)
	read.Add(store.DeliveryEvent{Sequence: 3, Event: "explained", Derived: true})
	b.Read(id, read, restore, err)
	o, ok := b.Next(0)
	if !ok || o.Event.Sequence != 3 || o.Payload != "posted" {
		t.Fatalf("offered %+v, %v", o, ok)
	}
	b.Done(0, o, true, noon)
	clerk(b, d)
	if events := d["1"].Events; len(events) != 3 || !d["1"].Accepts("a", 3) {
		t.Errorf("on disk: %+v", d["1"])
	}
}

// What could not be read is not overwritten by what is new.
func TestUnreadableIsNotOverwritten(t *testing.T) {
	d := fakeDisk{"1": {Events: []store.DeliveryEvent{{Sequence: 1, Event: "opened"}, {Sequence: 2, Event: "captured"}}}}
	b := NewBook([]string{"a"}, true, 100)
	b.Post(News{Incident: "1", Folder: true, Event: store.DeliveryEvent{Event: "explained", Time: noon}, Payload: "posted"})
	id, _ := b.Unread()
	b.Read(id, store.Delivery{}, nil, errors.New("too many open files"))
	b.HasFolder("1")
	if got := offers(b, d, 0); len(got) != 1 {
		t.Errorf("offered %v, want what was posted", got)
	}
	if d["1"].Accepts("a", 1) || len(d["1"].Events) != 2 {
		t.Errorf("on disk: %+v", d["1"])
	}
}

func TestBacklogIsBounded(t *testing.T) {
	b := NewBook([]string{"a"}, true, 100)
	for i := range 3 * mostBacklog {
		b.Backlog(fmt.Sprintf("%06d", i))
	}
	if n := len(b.lanes[0].backlog); n != mostBacklog || b.lanes[0].backlog[0] != fmt.Sprintf("%06d", 3*mostBacklog-1) {
		t.Errorf("%d incidents wait, the first is %s", n, b.lanes[0].backlog[0])
	}
}
