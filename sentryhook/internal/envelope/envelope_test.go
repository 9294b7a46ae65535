package envelope

import (
	"bytes"
	"testing"

	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

// memory is a body in memory.
type memory []byte

func (m memory) Use(f func(p []byte) error) error { return f(m) }

// all returns the budget of n bytes on the wire for everything.
func all(n int64) Wire { return Wire{Plain: n, Usual: n, Profile: n, Attachment: n, Alone: n} }

// The sizes of a result are those of the body that it returns.
func TestResultSaysWhatIsSent(t *testing.T) {
	var attached bytes.Buffer
	attached.Write(relaytest.Envelope(relaytest.Scene(1)))
	relaytest.AddItem(&attached, "attachment", "core", relaytest.Noise(300_000))
	for name, c := range map[string]struct {
		body    []byte
		budgets Budgets
		changed bool
	}{
		"nothing to do":     {relaytest.Envelope(nil), Budgets{Wire: all(1 << 20)}, false},
		"compacted":         {relaytest.Envelope(relaytest.Scene(1)), Budgets{Wire: all(1 << 20)}, true},
		"compressed":        {relaytest.Envelope(relaytest.Scene(1)), Budgets{Wire: all(1 << 20), Gzip: true}, true},
		"larger than held":  {relaytest.Envelope(relaytest.Busy()), Budgets{Wire: all(400_000)}, true},
		"an attachment out": {attached.Bytes(), Budgets{Wire: all(100_000)}, true},
	} {
		c.budgets.Envelope, c.budgets.Profile, c.budgets.Attachments = 1<<30, 1<<30, 1<<30
		f, ok := Read(c.body, c.budgets, nil)
		if !ok {
			t.Fatalf("%s: not understood", name)
		}
		if err := f.Fit(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r := f.Result(memory(c.body))
		if (r.Payload != nil) != c.changed {
			t.Errorf("%s: changed %v", name, !c.changed)
		}
		if r.In != int64(len(c.body)) || r.Wire > c.budgets.Wire.Usual {
			t.Errorf("%s: %+v", name, r)
		}
		if r.Payload == nil {
			continue
		}
		for range 2 { // an http.RoundTripper may read it twice
			wire, plain := readPayload(t, r.Payload)
			if int64(wire) != r.Wire || int64(len(plain)) != r.Out {
				t.Errorf("%s: %d bytes on the wire, %d decompressed, want %d and %d", name, wire, len(plain), r.Wire, r.Out)
			}
			items, err := relaytest.Parse(plain)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if p := relaytest.Find(items, "profile"); int64(len(p)) != r.Profile {
				t.Errorf("%s: a profile of %d bytes, want %d", name, len(p), r.Profile)
			}
		}
	}
}

// A ban leaves out the profile whatever its size, and nothing else.
func TestBan(t *testing.T) {
	body := relaytest.Envelope(relaytest.Small())
	reason := ByRelay
	f, ok := Read(body, Budgets{Wire: all(1 << 20), Envelope: 1 << 20, Profile: 1 << 20}, &reason)
	if !ok {
		t.Fatal("not understood")
	}
	if err := f.Fit(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := f.Result(memory(body))
	if len(r.Profiles) != 1 || !r.Profiles[0].Gone || r.Profiles[0].Reason != ByRelay || r.Profile != 0 {
		t.Errorf("%+v", r)
	}
	_, plain := readPayload(t, r.Payload)
	if items, _ := relaytest.Parse(plain); len(items) != 1 || items[0].Type != "transaction" {
		t.Errorf("%d items are left, want the transaction", len(items))
	}
}

func TestEncode(t *testing.T) {
	body := Encode(map[string]any{"event_id": "1f"}, map[string]any{"type": "event", "length": 3}, []byte("{}\n"))
	items, err := relaytest.Parse(body)
	if err != nil || len(items) != 1 || items[0].EventID != "1f" || string(items[0].Body) != "{}\n" {
		t.Errorf("%q: %+v, %v", body, items, err)
	}
	if _, ok := Read(body, Budgets{}, nil); !ok {
		t.Error("our own envelope is not understood")
	}
}

func TestDropReasonNames(t *testing.T) {
	if TooLarge.String() != "too large" || OnRefusal.String() != "refused" || DropReason(99).String() != "DropReason(99)" || DropReason(-1).String() != "DropReason(-1)" {
		t.Errorf("%v, %v, %v, %v", TooLarge, OnRefusal, DropReason(99), DropReason(-1))
	}
}
