package transport

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/leakguard/leakguard/sentryhook/internal/envelope"
	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

// The steps are taken in their order, each no sooner than it is needed.
func TestStepsInOrder(t *testing.T) {
	body := relaytest.Envelope(relaytest.Generate(rand.New(rand.NewPCG(9, 9)), relaytest.Shape{
		Threads: 20, Ticks: 300, Period: 9_900_990, Frames: 2000, Stacks: 3000, Depth: 60, Change: 0.95, ActiveChange: 0.1,
	}))
	last := -1
	counts := map[int]int{}
	for wire := int64(2 << 20); wire >= leastBudget; wire = wire * 9 / 10 {
		r := relaytest.New(t, wire)
		tr := newTransport(t, Config{WireBytes: wire, NoGzip: true})
		if resp := r.Post(t, tr, body); resp.StatusCode != http.StatusOK {
			t.Fatalf("%d bytes: %s", wire, resp.Status)
		}
		got := r.Last(t)
		if got.Item("transaction") == nil {
			t.Fatalf("%d bytes: the transaction is lost", wire)
		}
		s := countsAddUp(t, tr)
		step := -1
		for i, n := range []int64{s.Compacted, s.Reduced.OtherThreads, s.Reduced.ActiveRuns, s.Reduced.Thinned, s.Dropped[envelope.TooLarge]} {
			if n == 1 {
				step = i
			}
		}
		if (got.Item("profile") == nil) != (step == 4) {
			t.Errorf("%d bytes: step %d, profile %d bytes", wire, step, len(got.Item("profile")))
		}
		if step < last {
			t.Errorf("%d bytes: step %d after %d", wire, step, last)
		}
		if p := got.Item("profile"); p != nil {
			if _, err := relaytest.Accepts(p); err != nil {
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

// The budgets for items and envelopes count decompressed bytes, the one for the wire
// compressed ones.
func TestBudgetsCountWhatTheySay(t *testing.T) {
	body := relaytest.Envelope(relaytest.Busy())
	whole := int64(len(compacted(t, relaytest.Busy())))
	for _, c := range []struct {
		cfg  Config
		fits bool
	}{
		{Config{ProfileBytes: whole}, true},
		{Config{ProfileBytes: whole - 1}, false},
		{Config{EnvelopeBytes: whole + int64(len(body)-len(relaytest.Busy()))}, true},
		{Config{EnvelopeBytes: whole}, false},
		{Config{WireBytes: whole}, true},
		{Config{WireBytes: whole, NoGzip: true}, false},
		{Config{WireBytes: whole + 1000, NoGzip: true}, true},
	} {
		r := relaytest.New(t, 0)
		tr := newTransport(t, c.cfg)
		r.Post(t, tr, body)
		if s := countsAddUp(t, tr); (s.Compacted == 1) != c.fits {
			t.Errorf("%+v: %+v", c.cfg, s)
		}
		if c.cfg.NoGzip && r.Last(t).Gzip {
			t.Error("compressed")
		}
	}
}

func TestAttachments(t *testing.T) {
	event := `{"message":"x","contexts":{"other":{"folder":"no"},"evidence":{"folder":"/var/evidence/1"}}}`
	for name, c := range map[string]struct {
		body []byte
		cfg  Config
		want string // names of those that stay
	}{
		"all fit":            {relaytest.WithAttachments(event, 1000, 2000), Config{}, "a.bin b.bin"},
		"largest first":      {relaytest.WithAttachments(event, 1000, 50_000, 2000), Config{WireBytes: 20_000}, "a.bin c.bin left-out.txt"},
		"equals: last first": {relaytest.WithAttachments(event, 9000, 9000, 9000), Config{WireBytes: 20_000}, "a.bin b.bin left-out.txt"},
		"none fits":          {relaytest.WithAttachments(event, 9000, 9000), Config{WireBytes: 5000}, "left-out.txt"},
		"sum":                {relaytest.WithAttachments(event, 5000, 5000), Config{AttachmentBytes: 9000}, "a.bin left-out.txt"},
		"too many":           {relaytest.WithAttachments(event, make([]int, 31)...), Config{}, ""},
		"envelope": {append(relaytest.WithAttachments(event, 5000, 5000), "{\"type\":\"attachment\"}\nlast"...),
			Config{EnvelopeBytes: 9000}, "a.bin  left-out.txt"},
	} {
		r := relaytest.New(t, 0)
		tr := newTransport(t, c.cfg)
		r.Post(t, tr, c.body)
		got := r.Last(t)
		var names []string
		for _, it := range got.Items {
			if it.Type == "attachment" {
				names = append(names, it.Filename)
			}
		}
		if string(got.Item("event")) != event {
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
		if (dropped > 0) != strings.Contains(c.want, "left-out.txt") {
			t.Errorf("%s: %d dropped", name, dropped)
		}
		if dropped > 0 {
			note := string(got.Items[len(got.Items)-1].Body)
			if !strings.Contains(note, "/var/evidence/1") || !strings.Contains(note, "b.bin, ") && !strings.Contains(note, "c.bin, ") {
				t.Errorf("%s: note:\n%s", name, note)
			}
		}
	}
}

// An attachment that must be left out in any case does not cost the profile.
func TestAttachmentBesideProfile(t *testing.T) {
	body := relaytest.Envelope(relaytest.Scene(1))
	var b bytes.Buffer
	b.Write(body)
	relaytest.AddItem(&b, "attachment", "core", relaytest.Noise(2<<20))
	r := relaytest.New(t, 1<<20)
	tr := newTransport(t, Config{})
	r.Post(t, tr, b.Bytes())
	got := r.Last(t)
	if got.Status != 200 || got.Item("profile") == nil || got.Item("transaction") == nil || len(got.Item("attachment")) > 1000 {
		t.Errorf("status %d, %d items", got.Status, len(got.Items))
	}
	if s := countsAddUp(t, tr); s.Compacted != 1 || s.AttachmentsDropped != 1 {
		t.Errorf("%+v", s)
	}
}

// The event itself is never left out, however large.
func TestOversizedEvent(t *testing.T) {
	event := `{"message":"` + fmt.Sprintf("%x", relaytest.Noise(60_000)) + `"}`
	r := relaytest.New(t, 0)
	tr := newTransport(t, Config{WireBytes: leastBudget})
	body := relaytest.WithAttachments(event, 100)
	r.Post(t, tr, body)
	if got := r.Last(t); string(got.Item("event")) != event {
		t.Error("the event was lost")
	}
	if s := tr.Stats(); s.Oversized != 1 {
		t.Errorf("%+v", s)
	}
}

// Relay refuses what lies beyond 30 s, whatever the size.
func TestCut(t *testing.T) {
	shape := relaytest.Shape{Threads: 5, Ticks: 101 * 30, Period: 9_900_990, Start: 3_000_000_000, Frames: 9, Stacks: 9, Depth: 3, Change: 0.5, ActiveChange: 0.5}
	for _, c := range []struct {
		start   uint64
		lasts   uint64 // what remains, in ns
		dropped bool
	}{
		{3_000_000_000, 27_000_000_000, false},
		{29_990_000_000, 10_000_000, false},
		{30_000_001_000, 0, true},
	} {
		shape.Start = c.start
		payload := relaytest.Generate(rand.New(rand.NewPCG(1, 1)), shape)
		if _, err := relaytest.Accepts(payload); err == nil {
			t.Fatal("Relay would take it: nothing is tested")
		}
		r := relaytest.New(t, 0)
		tr := newTransport(t, Config{})
		r.Post(t, tr, relaytest.Envelope(payload))
		out := r.Last(t).Item("profile")
		s := countsAddUp(t, tr)
		if s.Cut != 1 || (out == nil) != c.dropped || (s.Dropped[envelope.TooLate] == 1) != c.dropped {
			t.Errorf("from %d: %+v", c.start, s)
		}
		if out == nil {
			continue
		}
		samples, err := relaytest.Accepts(out)
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
	b.Write(relaytest.Envelope(relaytest.Scene(1)))
	relaytest.AddItem(&b, "profile", "", relaytest.Busy())
	relaytest.AddItem(&b, "profile", "", relaytest.Small())
	r := relaytest.New(t, 0)
	tr := newTransport(t, Config{WireBytes: 100_000})
	r.Post(t, tr, b.Bytes())
	if s := countsAddUp(t, tr); s.Profiles != 3 || s.Unchanged != 1 || s.Compacted != 1 || r.Last(t).Wire > 100_000 {
		t.Errorf("%+v", s)
	}
}
