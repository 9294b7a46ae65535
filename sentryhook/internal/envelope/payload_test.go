package envelope

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

// A body that is written while it is read ends its goroutine when it is closed,
// before the first Read, in the middle or at the end.
func TestWrittenBody(t *testing.T) {
	for _, read := range []int{0, 10, 100_000} {
		ended := make(chan error, 1)
		body := written(100_000, false, func(w io.Writer) (err error) {
			defer func() { ended <- err }()
			for range 100 {
				if _, err = w.Write(make([]byte, 1000)); err != nil {
					return err
				}
			}
			return nil
		}).Open()
		if n, err := io.ReadFull(body, make([]byte, read)); n != read || err != nil {
			t.Fatalf("%d bytes of %d: %v", n, read, err)
		}
		body.Close()
		if read > 0 {
			if err := <-ended; (err == nil) != (read == 100_000) {
				t.Errorf("%d bytes read: the writer ended with %v", read, err)
			}
		}
		if _, err := body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
			t.Errorf("%d bytes read: after Close: %v", read, err)
		}
		if len(ended) > 0 {
			t.Error("the writer ran after Close")
		}
	}
}

// A panic while a body is written is that body's error.
func TestWrittenBodyPanics(t *testing.T) {
	body := written(1, false, func(io.Writer) error { panic("oops") }).Open()
	defer body.Close()
	var fault *Panic
	if _, err := io.ReadAll(body); !errors.As(err, &fault) {
		t.Error(err)
	}
}

func TestChunks(t *testing.T) {
	for _, c := range []struct {
		n     int
		whole bool
		err   error
	}{
		{0, true, nil}, {1000, true, nil}, {70_000, true, nil}, {70_001, false, nil}, {90_000, false, nil}, {90_001, false, errTooMuch},
	} {
		sum := &chunks{keep: 70_000, most: 90_000}
		data := relaytest.Noise(c.n)
		var err error
		for rest := data; len(rest) > 0 && err == nil; {
			n := min(len(rest), 777)
			_, err = sum.Write(rest[:n])
			rest = rest[n:]
		}
		if err != c.err || sum.whole() != c.whole {
			t.Errorf("%d bytes: %v, whole %v", c.n, err, sum.whole())
		}
		if !c.whole && sum.pieces != nil {
			t.Errorf("%d bytes: still holds some", c.n)
		}
		for range 2 {
			if got, _ := io.ReadAll(sum.open()); c.whole && !bytes.Equal(got, data) {
				t.Errorf("%d bytes: %d were read", c.n, len(got))
			}
		}
	}
}

// readPayload returns how many bytes a payload has on the wire, and its bytes
// decompressed.
func readPayload(t *testing.T, p *Payload) (wire int, plain []byte) {
	t.Helper()
	body := p.Open()
	defer body.Close()
	plain, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	wire = len(plain)
	if p.Gzip {
		zr, err := gzip.NewReader(bytes.NewReader(plain))
		if err != nil {
			t.Fatal(err)
		}
		if plain, err = io.ReadAll(zr); err != nil {
			t.Fatal(err)
		}
	}
	return wire, plain
}

func TestRecovered(t *testing.T) {
	err := Recovered(func() error { panic("oops") })
	var fault *Panic
	if !errors.As(err, &fault) || !strings.Contains(err.Error(), "oops") {
		t.Errorf("%v", err)
	}
	if err := Recovered(func() error { return io.EOF }); err != io.EOF {
		t.Errorf("an error became %v", err)
	}
}
