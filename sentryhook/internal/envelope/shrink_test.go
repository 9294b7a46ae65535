package envelope

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

// unbounded are budgets that everything fits, with compression beyond 1 MiB.
var unbounded = Budgets{
	Wire:     Wire{Plain: 1 << 20, Usual: math.MaxInt64, Profile: math.MaxInt64, Attachment: math.MaxInt64, Alone: math.MaxInt64},
	Envelope: math.MaxInt64, Profile: math.MaxInt64, Attachments: math.MaxInt64, Gzip: true,
}

func attached(payloads ...[]byte) []byte {
	b := bytes.NewBufferString("{}\n")
	for _, p := range payloads {
		relaytest.AddItem(b, "attachment", "file", p)
	}
	return b.Bytes()
}

// What does not shrink is not compressed, and beside it the rest is compressed at the
// level that skips it.
func TestNoiseIsNotCompressed(t *testing.T) {
	noise := relaytest.Noise(4 << 20)
	text := bytes.Repeat([]byte("goroutine 17 [chan receive, 5 minutes]:\n"), 4<<20/40)
	half := append(append([]byte{}, noise[:1<<20]...), text[:1<<20]...)
	for _, c := range []struct {
		name   string
		body   []byte
		packed bool
		level  int
	}{
		{"noise", attached(noise), false, 0},
		{"noise and a little text", attached(noise, text[:100_000]), false, 0},
		{"text", attached(text), true, gzipLevel},
		{"half of each", attached(half), true, gzipLevel},
		{"noise beside text", attached(noise[:1<<20], text), true, gzip.BestSpeed},
		{"small noise", attached(noise[:1000], text), true, gzipLevel},
	} {
		f, ok := Read(c.body, unbounded, nil)
		if !ok {
			t.Fatalf("%s: not understood", c.name)
		}
		if err := f.Fit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if packed := f.encoded != nil; packed != c.packed || packed && f.encodedLevel != c.level {
			t.Errorf("%s: compressed %v at level %d, want %v at %d", c.name, packed, f.encodedLevel, c.packed, c.level)
		}
		r := f.Result(memory(c.body))
		if r.Payload == nil {
			continue
		}
		if wire, plain := readPayload(t, r.Payload); int64(wire) != r.Wire || !bytes.Equal(plain, c.body) {
			t.Errorf("%s: %d bytes on the wire, want %d, or another body", c.name, wire, r.Wire)
		}
	}
	// Where it would have to shrink, it is known at once that it cannot.
	budgets := unbounded
	budgets.Wire.Alone = 2 << 20
	f, _ := Read(attached(noise, noise[:1<<20]), budgets, nil)
	f.sampleItems()
	if f.shrinks(budgets.Wire.Alone) {
		t.Error("5 MiB of noise are compressed to see whether they fit into 2 MiB")
	}
	if err := f.Fit(t.Context()); err != nil || len(f.note) == 0 || f.Result(memory(nil)).Attachments != 1 {
		t.Errorf("%v; want the large one left out", err)
	}
}

// endsAfter is a context that is done when it has been asked so many times.
type endsAfter struct {
	context.Context
	left int
}

func (c *endsAfter) Err() error {
	if c.left--; c.left < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// A context that is done ends the work wherever it is: after 64 KiB of compression at the
// latest.
func TestFitHeedsItsContext(t *testing.T) {
	big := attached(bytes.Repeat([]byte(strings.Repeat("it compresses, ", 64)), 20<<10)) // 20 MB
	whole := &endsAfter{t.Context(), math.MaxInt}
	f, _ := Read(big, unbounded, nil)
	if err := f.Fit(whole); err != nil {
		t.Fatal(err)
	}
	if asked := math.MaxInt - whole.left; asked < len(big)/(64<<10) {
		t.Fatalf("asked %d times within %d bytes", asked, len(big))
	}
	for left := range 50 {
		f, _ := Read(big, unbounded, nil)
		ctx := &endsAfter{t.Context(), left}
		if err := f.Fit(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("after %d looks: %v", left, err)
		}
		if ctx.left < -10 {
			t.Errorf("after %d looks it went on for %d more", left, -ctx.left)
		}
	}
}

// However many attachments have to go, the envelope is compressed a few times only.
func TestFewAttempts(t *testing.T) {
	files := make([][]byte, 250)
	for i := range files {
		files[i] = relaytest.Noise(60_000) // too small to be sampled
	}
	body := attached(files...)
	budgets := unbounded
	budgets.Wire.Alone = 1 << 20
	ctx := &endsAfter{t.Context(), math.MaxInt}
	f, ok := Read(body, budgets, nil)
	if !ok {
		t.Fatal("not understood")
	}
	if err := f.Fit(ctx); err != nil {
		t.Fatal(err)
	}
	if r := f.Result(memory(body)); r.Attachments != 17 || r.Wire > 1<<20 {
		t.Errorf("%d attachments and %d bytes are left, want the 17 that fit into 1 MiB", r.Attachments, r.Wire)
	}
	// It looks at the context for each piece that it compresses.
	if looks := math.MaxInt - ctx.left; looks > 1000 {
		t.Errorf("%d looks at the context: are there many attempts?", looks)
	}
}
