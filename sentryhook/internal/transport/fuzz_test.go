package transport

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

func FuzzTransport(f *testing.F) {
	for i, s := range relaytest.EnvelopeSeeds() {
		f.Add(s, uint16(i*300), uint8(i))
	}
	f.Fuzz(func(t *testing.T, body []byte, budget uint16, options uint8) {
		cfg := Config{
			WireBytes: leastBudget + int64(budget), NoGzip: options&1 != 0,
			ProfileBytes: leastBudget + int64(budget/2), AttachmentBytes: leastBudget + int64(budget),
			Logger: slog.New(slog.DiscardHandler),
		}
		refuse := options&2 != 0
		before, beforeErr := relaytest.Parse(body)
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
				after, err := relaytest.Parse(sent)
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
		tr, err := New(base, cfg)
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
func keeps(t *testing.T, before, after []relaytest.Item) {
	t.Helper()
	rest := func(items []relaytest.Item) (out []relaytest.Item) {
		for _, it := range items {
			if it.Type != "profile" && it.Type != "profile_chunk" && it.Type != "attachment" {
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
		if !bytes.Equal(was[i].Body, is[i].Body) {
			t.Fatalf("%q became %q", was[i].Body, is[i].Body)
		}
	}
}
