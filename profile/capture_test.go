package profile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

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
			continue // see TestCaptureCPU
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
	if err := CaptureGoroutineText(brokenWriter{full}); !errors.Is(err, full) {
		t.Errorf("goroutines as text: %v", err)
	}
}

func TestCaptureCPU(t *testing.T) {
	var b bytes.Buffer
	if err := CaptureCPU(t.Context(), &b, 20*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if p := parse(t, b.Bytes()); len(p.SampleType) != 2 || p.SampleType[1].Type != "cpu" {
		t.Errorf("values of types %v", p.SampleType)
	}
}

func TestCaptureCPUCutShortIsKept(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var b bytes.Buffer
	start := time.Now()
	if err := CaptureCPU(ctx, &b, time.Hour); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("took %v", took)
	}
	parse(t, b.Bytes())
}

func TestCaptureCPUWhileTheHostTakesOne(t *testing.T) {
	var host bytes.Buffer
	if err := pprof.StartCPUProfile(&host); err != nil {
		t.Fatal(err)
	}
	var ours bytes.Buffer
	err := CaptureCPU(t.Context(), &ours, time.Millisecond)
	pprof.StopCPUProfile()
	if err == nil || !strings.Contains(err.Error(), "capture cpu") || ours.Len() > 0 {
		t.Errorf("got %v and %d bytes", err, ours.Len())
	}
	parse(t, host.Bytes()) // unharmed
}

func TestCaptureGoroutineText(t *testing.T) {
	var b bytes.Buffer
	if err := CaptureGoroutineText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"goroutine ", "created by ", "TestCaptureGoroutineText"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in it", want)
		}
	}
}
