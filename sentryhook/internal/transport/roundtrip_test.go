package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

// spyBody is a body that records whether it was closed.
type spyBody struct {
	io.Reader
	closed int
}

func (b *spyBody) Close() error { b.closed++; return nil }

func TestRoundTripperContract(t *testing.T) {
	profile := relaytest.Envelope(relaytest.Scene(1))
	r := relaytest.New(t, 0)
	for _, body := range [][]byte{profile, relaytest.Envelope(nil), []byte("malformed")} {
		for _, getBody := range []string{"pieces", "whole", "none", "shorter"} {
			for _, noGzip := range []bool{false, true} {
				name := fmt.Sprintf("%.9s, GetBody %s, NoGzip %v", body, getBody, noGzip)
				spy := &spyBody{Reader: bytes.NewReader(body)}
				req, _ := http.NewRequest(http.MethodPost, r.URL+"/api/1/envelope/", spy)
				req.ContentLength = int64(len(body))
				switch getBody {
				case "whole":
					req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
				case "shorter": // than ContentLength: it cannot be the body
					req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body[:5])), nil }
				case "pieces":
					req.GetBody = func() (io.ReadCloser, error) {
						return struct{ io.ReadCloser }{io.NopCloser(bytes.NewReader(body))}, nil
					}
				}
				req.Header.Set("X-Test", "kept")
				header, length := req.Header.Clone(), req.ContentLength
				var sent *http.Request
				tr, err := New(roundTripFunc(func(out *http.Request) (*http.Response, error) {
					sent = out
					// As net/http may: read twice.
					again, err := out.GetBody()
					if err != nil {
						t.Fatal(err)
					}
					one, err1 := io.ReadAll(out.Body)
					two, err2 := io.ReadAll(again)
					if err1 != nil || err2 != nil || !bytes.Equal(one, two) || int64(len(one)) != out.ContentLength {
						t.Errorf("%s: bodies of %d and %d bytes, length %d, %v, %v", name, len(one), len(two), out.ContentLength, err1, err2)
					}
					out.Body.Close()
					out.Header.Set("X-Changed", "by the base")
					return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}}, nil
				}), Config{NoGzip: noGzip, Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := tr.RoundTrip(req); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if spy.closed == 0 {
					t.Errorf("%s: the body was not closed", name)
				}
				if fmt.Sprint(req.Header) != fmt.Sprint(header) || req.ContentLength != length || req.Body != io.ReadCloser(spy) {
					t.Errorf("%s: the request was changed", name)
				}
				if sent.Header.Get("X-Test") != "kept" || sent.Context() != req.Context() {
					t.Errorf("%s: a header or the context was lost", name)
				}
			}
		}
	}
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestWithoutGetBody(t *testing.T) {
	body := relaytest.Envelope(relaytest.Scene(1))
	for _, length := range []int64{int64(len(body)), -1} {
		for _, buffer := range []int64{int64(len(body)), int64(len(body)) - 1} {
			r := relaytest.New(t, 0)
			tr := newTransport(t, Config{BufferBytes: buffer})
			req, _ := http.NewRequest(http.MethodPost, r.URL+"/api/1/envelope/", io.NopCloser(bytes.NewReader(body)))
			req.ContentLength = length
			resp, err := tr.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			got := r.Last(t)
			if fits := buffer == int64(len(body)); fits == bytes.Equal(got.Body, body) {
				t.Errorf("length %d, buffer %d of %d: %d bytes sent", length, buffer, len(body), len(got.Body))
			}
			if s := tr.Stats(); s.Envelopes+s.PassedOn != 1 {
				t.Errorf("%+v", s)
			}
		}
	}
}

func TestUnreadableBody(t *testing.T) {
	r := relaytest.New(t, 0)
	tr := newTransport(t, Config{})
	spy := &spyBody{Reader: failingReader{io.ErrUnexpectedEOF}}
	req, _ := http.NewRequest(http.MethodPost, r.URL+"/api/1/envelope/", spy)
	if _, err := tr.RoundTrip(req); !errors.Is(err, io.ErrUnexpectedEOF) || spy.closed == 0 {
		t.Errorf("%v, closed %d times", err, spy.closed)
	}
}

func TestCancelledContext(t *testing.T) {
	r := relaytest.New(t, 0)
	tr := newTransport(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	spy := &spyBody{Reader: bytes.NewReader(relaytest.Envelope(relaytest.Scene(1)))}
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, r.URL+"/api/1/envelope/", spy)
	if _, err := tr.RoundTrip(req); !errors.Is(err, context.Canceled) || spy.closed == 0 {
		t.Errorf("%v, closed %d times", err, spy.closed)
	}
	if n := len(r.Requests()); n != 0 {
		t.Errorf("%d requests sent", n)
	}
}

func TestBaseError(t *testing.T) {
	failure := errors.New("no route")
	tr, _ := New(roundTripFunc(func(r *http.Request) (*http.Response, error) {
		r.Body.Close()
		return nil, failure
	}), Config{Logger: slog.New(slog.DiscardHandler)})
	req, _ := http.NewRequest(http.MethodPost, "http://127.0.0.1/api/1/envelope/", bytes.NewReader(relaytest.Envelope(relaytest.Scene(1))))
	if _, err := tr.RoundTrip(req); !errors.Is(err, failure) {
		t.Error(err)
	}
	if s := countsAddUp(t, tr); s.Profiles != 1 {
		t.Errorf("%+v", s)
	}
}
