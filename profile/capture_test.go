package profile

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	pprofile "github.com/google/pprof/profile"
)

func parse(t *testing.T, data []byte) *pprofile.Profile {
	t.Helper()
	p, err := pprofile.Parse(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.CheckValid(); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCaptureOpens(t *testing.T) {
	for _, kind := range Kinds() {
		if kind == CPU {
			continue
		}
		t.Run(kind.String(), func(t *testing.T) {
			var b bytes.Buffer
			err := Capture(&b, kind)
			if !kind.Available() {
				if !errors.Is(err, ErrNoProfile) || b.Len() > 0 {
					t.Fatalf("an unavailable kind: %v, and %d bytes", err, b.Len())
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			p := parse(t, b.Bytes())
			want := map[Kind]string{
				Heap: "inuse_space", Allocs: "alloc_space", Goroutine: "goroutine", GoroutineLeak: "goroutineleak",
				Mutex: "delay", Block: "delay", Threadcreate: "threadcreate",
			}[kind]
			found := false
			for _, s := range p.SampleType {
				found = found || s.Type == want
			}
			if !found {
				t.Errorf("no values of type %q in %v", want, p.SampleType)
			}
			if kind == Goroutine && !strings.Contains(p.String(), "TestCaptureOpens") {
				t.Error("this goroutine is not in it")
			}
		})
	}
}

func TestCaptureOfNoSuchKind(t *testing.T) {
	for _, kind := range []Kind{-1, kinds, CPU} {
		if err := Capture(io.Discard, kind); !errors.Is(err, ErrNoProfile) || !strings.Contains(err.Error(), kind.String()) {
			t.Errorf("%v: %v, want ErrNoProfile with the kind", kind, err)
		}
	}
	if Kind(-1).Available() || kinds.Available() || !CPU.Available() || !Heap.Available() {
		t.Error("Available is wrong")
	}
}

// brokenWriter fails like a full disk.
type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestCaptureTellsAFailedWrite(t *testing.T) {
	full := errors.New("disk full")
	for _, kind := range []Kind{Heap, Goroutine} {
		if err := Capture(brokenWriter{full}, kind); !errors.Is(err, full) {
			t.Errorf("%v: %v", kind, err)
		}
	}
}
