package sentryhook

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
)

// profileSeeds are small: the fuzzer copies and the reference decodes them.
func profileSeeds() (seeds [][]byte) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 4))
		s := random(r)
		s.threads, s.ticks, s.frames, s.stacks = min(s.threads, 3), min(s.ticks, 6), min(s.frames, 3), min(s.stacks, 5)
		seeds = append(seeds, generate(r, s))
	}
	usual := string(seeds[0])
	return append(seeds,
		[]byte(strings.ReplaceAll(usual, ",", " , ")),
		[]byte(strings.Replace(usual, `"samples":`, `"samples":[],"samples":`, 1)),
		[]byte(`{"version":"1","transaction":{"active_thread_id":"1"},"profile":{"samples":[],"stacks":[],"frames":[],"thread_metadata":null}}`),
		[]byte(strings.Repeat(`{"profile":`, 50)),
		[]byte("{\"a\":\"\\\\\\\"\x00\xff\"}"),
	)
}

func FuzzCompact(f *testing.F) {
	for _, s := range profileSeeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, ok := compact(payload)
		if !ok {
			return
		}
		valid := json.Valid(payload)
		if plainKeys(payload) {
			checkLossless(t, payload)
		}
		size := len(payload)
		for steps := 0; ; steps++ {
			var out bytes.Buffer
			if err := c.write(payload, &out); err != nil {
				t.Fatal(err)
			}
			if out.Len() != c.size {
				t.Fatalf("step %v: %d bytes, planned %d", c.step, out.Len(), c.size)
			}
			if out.Len() > size {
				t.Fatalf("step %v: grew from %d to %d bytes", c.step, size, out.Len())
			}
			size = out.Len()
			if valid && !json.Valid(out.Bytes()) {
				t.Fatalf("step %v: no JSON any more:\n%s\nwas\n%s", c.step, &out, payload)
			}
			if !c.reduce(payload) {
				return
			}
			if steps > 64 {
				t.Fatal("it does not end")
			}
		}
	})
}

// plainKeys reports whether the reference finds the keys that the format has:
// encoding/json takes "SAMPLES" for "samples", and other letters for s and k.
func plainKeys(payload []byte) bool {
	lower := bytes.ToLower(payload)
	for _, key := range []string{"version", "event_id", "platform", "timestamp", "device", "architecture", "os", "name", "transaction", "id", "trace_id",
		"active_thread_id", "profile", "frames", "stacks", "samples", "thread_metadata", "elapsed_since_start_ns", "stack_id", "thread_id"} {
		key = `"` + key + `"`
		if bytes.Count(payload, []byte(key)) != bytes.Count(lower, []byte(key)) {
			return false
		}
	}
	return bytes.IndexFunc(payload, func(r rune) bool { return r >= 0x80 }) < 0
}

func envelopeSeeds() (seeds [][]byte) {
	for _, p := range profileSeeds() {
		seeds = append(seeds, envelopeOf(p))
	}
	return append(seeds,
		withAttachments(`{"contexts":{"evidence":{"folder":"/x"}}}`, 5000, 9000),
		[]byte("{}\n{\"type\":\"event\"}\n{}"),
		[]byte("{}\n{\"type\":\"profile\",\"length\":2}\n{}"),
		[]byte("{}\n{\"type\":\"attachment\",\"length\":9999999999}\n{}\n\n\n"),
		[]byte("{}"), []byte("\n\n\n"), []byte("{\"\\\"\":{}}\n"),
	)
}

func FuzzEnvelope(f *testing.F) {
	for _, s := range envelopeSeeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, ok := readEnvelope(body)
		if !ok {
			return
		}
		at := e.head.end
		for i := range e.items {
			it := &e.items[i]
			if it.header.start != at || it.payload.start != it.header.end || it.payload.end < it.payload.start || it.end < it.payload.end {
				t.Fatalf("item %d lies wrong: %+v", i, it)
			}
			at = it.end
		}
		if len(bytes.Trim(body[at:], "\n")) > 0 {
			t.Fatalf("%q is in no item", body[at:])
		}
		// Written with nothing gone but as if something were, it is the same.
		e.items = append(e.items, item{kind: "x", gone: true, header: span{at, at}, payload: span{at, at}, end: at})
		var out bytes.Buffer
		if err := e.write(body, &out); err != nil || !bytes.Equal(out.Bytes(), body) {
			t.Fatalf("%v: %q became %q", err, body, &out)
		}
	})
}

func FuzzTransport(f *testing.F) {
	for i, s := range envelopeSeeds() {
		f.Add(s, uint16(i*300), uint8(i))
	}
	f.Fuzz(func(t *testing.T, body []byte, budget uint16, options uint8) {
		cfg := TransportConfig{
			WireBytes: leastBudget + int64(budget), NoGzip: options&1 != 0,
			ProfileBytes: leastBudget + int64(budget/2), AttachmentBytes: leastBudget + int64(budget),
			Logger: slog.New(slog.DiscardHandler),
		}
		refuse := options&2 != 0
		before, beforeErr := takeApart(body)
		base := roundTripFunc(func(r *http.Request) (*http.Response, error) {
			sent, err := io.ReadAll(r.Body)
			r.Body.Close()
			if err != nil || int64(len(sent)) != r.ContentLength {
				t.Fatalf("%d bytes, length %d: %v", len(sent), r.ContentLength, err)
			}
			if r.Header.Get("Content-Encoding") == "gzip" {
				zr, err := gzip.NewReader(bytes.NewReader(sent))
				if err != nil {
					t.Fatal(err)
				}
				if sent, err = io.ReadAll(zr); err != nil {
					t.Fatal(err)
				}
			}
			if beforeErr == nil {
				after, err := takeApart(sent)
				if err != nil {
					t.Fatalf("%q\nbecame\n%q: %v", body, sent, err)
				}
				keeps(t, before, after)
			}
			resp := &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}}
			if refuse {
				resp.StatusCode = 413
			}
			return resp, nil
		})
		tr, err := NewTransport(base, cfg)
		if err != nil {
			t.Fatal(err)
		}
		req, _ := http.NewRequest(http.MethodPost, relayURL, bytes.NewReader(body))
		if options&4 != 0 {
			req.GetBody = nil
		}
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		s := countsAddUp(t, tr)
		if len(body) > 0 && s.Envelopes+s.PassedOn != 1 {
			t.Fatalf("%+v", s)
		}
	})
}

// keeps checks that everything but profiles and attachments arrived, in order.
func keeps(t *testing.T, before, after []relayItem) {
	t.Helper()
	rest := func(items []relayItem) (out []relayItem) {
		for _, it := range items {
			if it.kind != "profile" && it.kind != "profile_chunk" && it.kind != "attachment" {
				out = append(out, it)
			}
		}
		return out
	}
	was, is := rest(before), rest(after)
	if len(was) != len(is) {
		t.Fatalf("%d items became %d", len(was), len(is))
	}
	for i := range was {
		if !bytes.Equal(was[i].payload, is[i].payload) {
			t.Fatalf("%q became %q", was[i].payload, is[i].payload)
		}
	}
}
