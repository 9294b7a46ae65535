package sentryhook

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
)

// busy is a profile in which nearly each sample of each thread has another
// stack, so that little goes without loss.
func busy() []byte {
	return generate(rand.New(rand.NewPCG(9, 9)), profileShape{
		threads: 20, ticks: 300, period: 9_900_990, frames: 2000, stacks: 3000, depth: 30, change: 0.95, activeChange: 0.8,
	})
}

// The steps are taken in their order, each no sooner than it is needed.
func TestStepsInOrder(t *testing.T) {
	body := envelopeOf(generate(rand.New(rand.NewPCG(9, 9)), profileShape{
		threads: 20, ticks: 300, period: 9_900_990, frames: 2000, stacks: 3000, depth: 60, change: 0.95, activeChange: 0.1,
	}))
	last := -1
	counts := map[int]int{}
	for wire := int64(2 << 20); wire >= leastBudget; wire = wire * 9 / 10 {
		r := newRelay(t, wire)
		tr := newTransport(t, TransportConfig{WireBytes: wire, NoGzip: true})
		if resp := r.post(t, tr, body); resp.StatusCode != http.StatusOK {
			t.Fatalf("%d bytes: %s", wire, resp.Status)
		}
		got := r.last(t)
		if got.item("transaction") == nil {
			t.Fatalf("%d bytes: the transaction is lost", wire)
		}
		s := countsAddUp(t, tr)
		step := -1
		for i, n := range []int64{s.Compacted, s.Reduced.OtherThreads, s.Reduced.ActiveRuns, s.Reduced.Thinned, s.Dropped[DroppedTooLarge]} {
			if n == 1 {
				step = i
			}
		}
		if (got.item("profile") == nil) != (step == 4) {
			t.Errorf("%d bytes: step %d, profile %d bytes", wire, step, len(got.item("profile")))
		}
		if step < last {
			t.Errorf("%d bytes: step %d after %d", wire, step, last)
		}
		if p := got.item("profile"); p != nil {
			if _, err := relayAccepts(p); err != nil {
				t.Errorf("%d bytes: %v", wire, err)
			}
		}
		last = step
		counts[step]++
	}
	if len(counts) != 5 {
		t.Errorf("steps %v were seen, want all five", counts)
	}
}

// The two budgets count differently: decompressed bytes of an item and of the
// envelope, wire bytes after compression.
func TestBudgetsCountWhatTheySay(t *testing.T) {
	body := envelopeOf(busy())
	_, compact := compacted(t, busy(), 0)
	whole := int64(len(compact))
	for _, c := range []struct {
		cfg  TransportConfig
		fits bool
	}{
		{TransportConfig{ProfileBytes: whole}, true},
		{TransportConfig{ProfileBytes: whole - 1}, false},
		{TransportConfig{EnvelopeBytes: whole + int64(len(body)-len(busy()))}, true},
		{TransportConfig{EnvelopeBytes: whole}, false},
		{TransportConfig{WireBytes: whole}, true},
		{TransportConfig{WireBytes: whole, NoGzip: true}, false},
		{TransportConfig{WireBytes: whole + 1000, NoGzip: true}, true},
	} {
		r := newRelay(t, 0)
		tr := newTransport(t, c.cfg)
		r.post(t, tr, body)
		if s := countsAddUp(t, tr); (s.Compacted == 1) != c.fits {
			t.Errorf("%+v: %+v", c.cfg, s)
		}
		if c.cfg.NoGzip && r.last(t).gzip {
			t.Error("compressed")
		}
	}
}

func withAttachments(event string, sizes ...int) []byte {
	var b bytes.Buffer
	b.WriteString("{}\n")
	addItem(&b, "event", "", []byte(event))
	all := noise(1 << 20)
	for i, n := range sizes {
		addItem(&b, "attachment", fmt.Sprintf("%c.bin", 'a'+i), all[:n])
		all = all[n:]
	}
	return b.Bytes()
}

func TestAttachments(t *testing.T) {
	event := `{"message":"x","contexts":{"other":{"folder":"no"},"evidence":{"folder":"/var/evidence/1"}}}`
	for name, c := range map[string]struct {
		body []byte
		cfg  TransportConfig
		want string // names of those that stay
	}{
		"all fit":            {withAttachments(event, 1000, 2000), TransportConfig{}, "a.bin b.bin"},
		"largest first":      {withAttachments(event, 1000, 50_000, 2000), TransportConfig{WireBytes: 20_000}, "a.bin c.bin left-out.txt"},
		"equals: last first": {withAttachments(event, 9000, 9000, 9000), TransportConfig{WireBytes: 20_000}, "a.bin b.bin left-out.txt"},
		"none fits":          {withAttachments(event, 9000, 9000), TransportConfig{WireBytes: 5000}, "left-out.txt"},
		"sum":                {withAttachments(event, 5000, 5000), TransportConfig{AttachmentBytes: 9000}, "a.bin left-out.txt"},
		"too many":           {withAttachments(event, make([]int, 31)...), TransportConfig{}, ""},
		"envelope": {append(withAttachments(event, 5000, 5000), "{\"type\":\"attachment\"}\nlast"...),
			TransportConfig{EnvelopeBytes: 9000}, "a.bin  left-out.txt"},
	} {
		r := newRelay(t, 0)
		tr := newTransport(t, c.cfg)
		r.post(t, tr, c.body)
		got := r.last(t)
		var names []string
		for _, it := range got.items {
			if it.kind == "attachment" {
				names = append(names, it.name)
			}
		}
		if string(got.item("event")) != event {
			t.Errorf("%s: the event was lost", name)
		}
		dropped := tr.Stats().AttachmentsDropped
		if name == "too many" {
			if len(names) != 30 || dropped != 2 {
				t.Errorf("%d attachments arrived, %d dropped", len(names), dropped)
			}
			continue
		}
		if strings.Join(names, " ") != c.want {
			t.Errorf("%s: %q arrived, want %q", name, names, c.want)
		}
		if (dropped > 0) != strings.Contains(c.want, noteName) {
			t.Errorf("%s: %d dropped", name, dropped)
		}
		if dropped > 0 {
			note := string(got.items[len(got.items)-1].payload)
			if !strings.Contains(note, "/var/evidence/1") || !strings.Contains(note, "b.bin, ") && !strings.Contains(note, "c.bin, ") {
				t.Errorf("%s: note:\n%s", name, note)
			}
		}
	}
}

// An attachment that has to go in any case does not take the profile with it.
func TestAttachmentBesideProfile(t *testing.T) {
	body := envelopeOf(scene(1))
	var b bytes.Buffer
	b.Write(body)
	addItem(&b, "attachment", "core", noise(2<<20))
	r := newRelay(t, 1<<20)
	tr := newTransport(t, TransportConfig{})
	r.post(t, tr, b.Bytes())
	got := r.last(t)
	if got.status != 200 || got.item("profile") == nil || got.item("transaction") == nil || len(got.item("attachment")) > 1000 {
		t.Errorf("status %d, %d items", got.status, len(got.items))
	}
	if s := countsAddUp(t, tr); s.Compacted != 1 || s.AttachmentsDropped != 1 {
		t.Errorf("%+v", s)
	}
}

// The event itself is never left out, however large.
func TestOversizedEvent(t *testing.T) {
	event := `{"message":"` + fmt.Sprintf("%x", noise(60_000)) + `"}`
	r := newRelay(t, 0)
	tr := newTransport(t, TransportConfig{WireBytes: leastBudget})
	body := withAttachments(event, 100)
	r.post(t, tr, body)
	if got := r.last(t); string(got.item("event")) != event {
		t.Error("the event was lost")
	}
	if s := tr.Stats(); s.Oversized != 1 {
		t.Errorf("%+v", s)
	}
}

// Relay refuses what lies beyond 30 s, whatever the size.
func TestCut(t *testing.T) {
	shape := profileShape{threads: 5, ticks: 101 * 30, period: 9_900_990, start: 3_000_000_000, frames: 9, stacks: 9, depth: 3, change: 0.5, activeChange: 0.5}
	for _, c := range []struct {
		start   uint64
		lasts   uint64 // what remains, in ns
		dropped bool
	}{
		{3_000_000_000, 27_000_000_000, false},
		{29_990_000_000, 10_000_000, false},
		{30_000_001_000, 0, true},
	} {
		shape.start = c.start
		payload := generate(rand.New(rand.NewPCG(1, 1)), shape)
		if _, err := relayAccepts(payload); err == nil {
			t.Fatal("Relay would take it: nothing is tested")
		}
		r := newRelay(t, 0)
		tr := newTransport(t, TransportConfig{})
		r.post(t, tr, envelopeOf(payload))
		out := r.last(t).item("profile")
		s := countsAddUp(t, tr)
		if s.Cut != 1 || (out == nil) != c.dropped || (s.Dropped[DroppedTooLate] == 1) != c.dropped {
			t.Errorf("from %d: %+v", c.start, s)
		}
		if out == nil {
			continue
		}
		samples, err := relayAccepts(out)
		if err != nil {
			t.Fatalf("from %d: %v", c.start, err)
		}
		lasts := uint64(*samples[len(samples)-1].Elapsed - *samples[0].Elapsed)
		if lasts > c.lasts || lasts+20_000_000 < c.lasts {
			t.Errorf("from %d: %d ns remain, want about %d", c.start, lasts, c.lasts)
		}
	}
}

func TestSeveralProfiles(t *testing.T) {
	var b bytes.Buffer
	b.Write(envelopeOf(scene(1)))
	addItem(&b, "profile", "", busy())
	addItem(&b, "profile", "", small())
	r := newRelay(t, 0)
	tr := newTransport(t, TransportConfig{WireBytes: 100_000})
	r.post(t, tr, b.Bytes())
	if s := countsAddUp(t, tr); s.Profiles != 3 || s.Unchanged != 1 || s.Compacted != 1 || r.last(t).wire > 100_000 {
		t.Errorf("%+v", s)
	}
}
