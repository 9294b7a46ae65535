package transport

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

// relay is a base that takes bodies of so many bytes on the wire, and items of the sizes
// that Relay takes.
type relay struct {
	limit int64
	got   []relaytest.Request
}

func (b *relay) RoundTrip(req *http.Request) (*http.Response, error) {
	got, said := relaytest.Judge(req, b.limit)
	req.Body.Close()
	if len(got.Item("transaction")) > 1<<20 || len(got.Item("event")) > 1<<20 {
		got.Status = http.StatusRequestEntityTooLarge
	}
	b.got = append(b.got, got)
	return &http.Response{StatusCode: got.Status, Body: io.NopCloser(strings.NewReader(said)), Header: http.Header{}, Request: req}, nil
}

// files returns the names of the attachments of the last request, and how many requests
// there were.
func (b *relay) files() (names string, requests int) {
	var list []string
	for _, it := range b.got[len(b.got)-1].Items {
		if it.Type == "attachment" {
			list = append(list, it.Filename)
		}
	}
	requests = len(b.got)
	b.got = nil
	return strings.Join(list, " "), requests
}

func newRelay(t *testing.T, limit int64, cfg Config) (*relay, *Transport) {
	base := &relay{limit: limit}
	cfg.Logger = slog.New(slog.DiscardHandler)
	tr, err := New(base, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return base, tr
}

// attachments returns an envelope of attachments alone that do not compress.
func attachments(sizes ...int) []byte {
	var b bytes.Buffer
	b.WriteString("{}\n")
	for i, n := range sizes {
		relaytest.AddItem(&b, "attachment", fmt.Sprintf("%c.bin", 'a'+i), relaytest.Noise(n))
	}
	return b.Bytes()
}

// queries returns an envelope of a transaction with many spans of long SQL and a profile:
// more than Relay takes, decompressed, and little on the wire.
func queries() []byte {
	var spans strings.Builder
	for i := range 900 {
		fmt.Fprintf(&spans, `{"op":"db","description":"SELECT %s FROM t%d"},`, strings.Repeat("column, ", 180), i)
	}
	var b bytes.Buffer
	b.WriteString("{}\n")
	relaytest.AddItem(&b, "transaction", "", []byte(`{"spans":[`+spans.String()+`{}]}`))
	relaytest.AddItem(&b, "profile", "", relaytest.Scene(0.5))
	return b.Bytes()
}

// A transaction that is too large by itself says nothing about profiles and attachments.
func TestNothingIsLearnedFromARefusedRetry(t *testing.T) {
	base, tr := newRelay(t, 0, Config{})
	if resp := post(t, tr, relayURL, queries()); resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Fatalf("status %d: this test tests nothing", resp.StatusCode)
	}
	if s := tr.Stats(); len(s.Learned) != 0 || s.Resent != 1 {
		t.Errorf("learned %+v, resent %d", s.Learned, s.Resent)
	}
	post(t, tr, relayURL, relaytest.Envelope(relaytest.Busy()))
	post(t, tr, relayURL, relaytest.WithAttachments("{}", 400_000, 300_000))
	if s := countsAddUp(t, tr); s.AttachmentsDropped != 0 || s.Compacted != 1 {
		t.Errorf("what others sent was cut down: %+v", s)
	}
	if names, _ := base.files(); names != "a.bin b.bin" {
		t.Errorf("attached %q", names)
	}
}

// What a host refuses of one kind of item is not taken from the others.
func TestKindsAreLearnedApart(t *testing.T) {
	// This proxy refuses attachments of 200 KB, whatever else it takes.
	var attached []int
	base := roundTripFunc(func(req *http.Request) (*http.Response, error) {
		got, _ := relaytest.Judge(req, 0)
		req.Body.Close()
		size := 0
		for _, it := range got.Items {
			if it.Type == "attachment" {
				size += len(it.Body)
			}
		}
		attached = append(attached, size)
		resp := &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}, Request: req}
		if size > 200_000 {
			resp.StatusCode = 413
		}
		return resp, nil
	})
	tr, err := New(base, Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	body := relaytest.WithAttachments("{}", 100_000, 150_000)
	if resp := post(t, tr, relayURL, body); resp.StatusCode != 200 {
		t.Fatalf("the event was lost: %d", resp.StatusCode)
	}
	if l := tr.Stats().Learned["relay.example"]; l.AttachmentBytes == 0 || l.WireBytes != 0 || l.ProfileBytes != 0 {
		t.Errorf("of attachments it learned %+v", l)
	}
	post(t, tr, relayURL, relaytest.Envelope(relaytest.Busy()))
	if s := countsAddUp(t, tr); s.Compacted != 1 {
		t.Errorf("the profile was cut down: %+v", s)
	}
	attached = nil
	post(t, tr, relayURL, body)
	if len(attached) != 1 || attached[0] < 100_000 || attached[0] > 200_000 {
		t.Errorf("then attachments of %v bytes were sent, want the first at once", attached)
	}

	// And the other way round: a profile is refused, and attachments are not cut down.
	tr, err = New(&refusing{limit: 60_000, status: 413}, Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	post(t, tr, relayURL, relaytest.Envelope(relaytest.Busy()))
	if l := tr.Stats().Learned["relay.example"]; l.AttachmentBytes != 0 || l.WireBytes == 0 {
		t.Errorf("of a profile it learned %+v", l)
	}
}

// A small profile beside a large transaction does not become the budget for profiles.
func TestSmallProfileIsNotToBlame(t *testing.T) {
	noise := fmt.Sprintf("%x", relaytest.Noise(150_000))
	var b bytes.Buffer
	b.WriteString("{}\n")
	relaytest.AddItem(&b, "transaction", "", []byte(`{"data":"`+noise+`"}`))
	relaytest.AddItem(&b, "profile", "", relaytest.Of(relaytest.Shape{Threads: 3, Ticks: 30, Period: 9_900_990, Frames: 50, Stacks: 80, Depth: 20, Change: 1, ActiveChange: 1}))
	base := &refusing{limit: 160_000, status: 413}
	tr, err := New(base, Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if resp := post(t, tr, relayURL, b.Bytes()); resp.StatusCode != 200 {
		t.Fatalf("status %d of bodies of %v bytes", resp.StatusCode, base.wires)
	}
	l := tr.Stats().Learned["relay.example"]
	if last := base.wires[len(base.wires)-1]; l.ProfileBytes != 0 || l.WireBytes < last {
		t.Errorf("learned %+v, although %d bytes have passed", l, last)
	}
}
