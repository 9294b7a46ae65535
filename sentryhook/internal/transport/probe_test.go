package transport

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

// Attachments alone may be larger than the budget, since no event is at stake. One
// refusal teaches what the host takes.
func TestAttachmentsAloneProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base, tr := newRelay(t, 1<<20, Config{})
		for _, step := range []struct {
			what     string
			body     []byte
			arrived  string
			requests int
		}{
			{"the first one probes", attachments(3 << 20), "left-out.txt", 2},
			{"one refusal is enough", attachments(2 << 20), "left-out.txt", 1},
			{"what fits is sent", attachments(900_000), "a.bin", 1},
		} {
			post(t, tr, relayURL, step.body)
			if names, n := base.files(); names != step.arrived || n != step.requests {
				t.Errorf("%s: %q arrived in %d requests, want %q in %d", step.what, names, n, step.arrived, step.requests)
			}
		}
		// The limit is kept while it is confirmed.
		for range 3 {
			time.Sleep(10*time.Minute + time.Second)
			post(t, tr, relayURL, attachments(3<<20))
			if _, n := base.files(); n != 2 {
				t.Errorf("after a while %d requests, want a probe and the note", n)
			}
			post(t, tr, relayURL, attachments(3<<20))
			if names, n := base.files(); names != "left-out.txt" || n != 1 {
				t.Errorf("right after that: %q in %d requests", names, n)
			}
		}
		// Until a larger one passes. What passes without attachments says nothing.
		base.limit = 0
		post(t, tr, relayURL, relaytest.WithAttachments(`{"x":"`+fmt.Sprintf("%x", relaytest.Noise(510_000))+`"}`))
		if l := tr.Stats().Learned["relay.example"]; l.AttachmentBytes != 1<<20 {
			t.Errorf("it has learned %+v", l)
		}
		base.files()
		time.Sleep(10*time.Minute + time.Second)
		for range 2 {
			post(t, tr, relayURL, attachments(4<<20))
			if names, n := base.files(); names != "a.bin" || n != 1 {
				t.Errorf("when the host takes more: %q in %d requests", names, n)
			}
		}
		if l := tr.Stats().Learned["relay.example"]; l.AttachmentBytes != 0 || l.PassedBytes < 4<<20 {
			t.Errorf("it has learned %+v", l)
		}
	})
}

// Beside an event nothing is over the budget, unless as much has passed before.
func TestBesideAnEventNothingProbes(t *testing.T) {
	beside := func() []byte {
		b := bytes.NewBufferString("{}\n")
		relaytest.AddItem(b, "event", "", []byte("{}"))
		relaytest.AddItem(b, "attachment", "a.bin", relaytest.Noise(2<<20))
		return b.Bytes()
	}()
	base, tr := newRelay(t, 0, Config{})
	post(t, tr, relayURL, beside)
	if names, n := base.files(); names != "left-out.txt" || n != 1 {
		t.Errorf("at first %q arrived in %d requests", names, n)
	}
	post(t, tr, relayURL, attachments(2<<20+1000))
	base.files()
	post(t, tr, relayURL, beside)
	if names, n := base.files(); names != "a.bin" || n != 1 {
		t.Errorf("once as much had passed, %q arrived in %d requests", names, n)
	}
	// A budget that is configured is one.
	base, tr = newRelay(t, 0, Config{WireBytes: usualWire})
	for _, body := range [][]byte{attachments(2 << 20), beside, attachments(2 << 20)} {
		post(t, tr, relayURL, body)
		if names, n := base.files(); names != "left-out.txt" || n != 1 {
			t.Errorf("with WireBytes set, %q arrived in %d requests", names, n)
		}
	}
	if s := tr.Stats(); s.AttachmentsDropped != 3 || len(s.Learned) != 0 {
		t.Errorf("%+v", s)
	}
}

// When a host takes less than it did, the event is still not lost.
func TestHostTakesLess(t *testing.T) {
	base, tr := newRelay(t, 0, Config{})
	post(t, tr, relayURL, attachments(3<<20))
	base.limit = 500_000
	var b bytes.Buffer
	b.Write(relaytest.WithAttachments("{}", 900_000, 2_000))
	for i, want := range []string{"left-out.txt", "b.bin left-out.txt"} {
		base.got = nil
		if resp := post(t, tr, relayURL, b.Bytes()); resp.StatusCode != 200 {
			t.Errorf("%d: the event was lost: %d", i, resp.StatusCode)
		}
		if names, n := base.files(); names != want || n != 2-i {
			t.Errorf("%d: %q arrived in %d requests, want %q", i, names, n, want)
		}
	}
	if l := tr.Stats().Learned["relay.example"]; l.PassedBytes != 0 {
		t.Errorf("it still thinks that %d bytes pass", l.PassedBytes)
	}
}
