package profile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"strings"
	"sync"
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
			continue // CaptureCPU's
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

// brokenWriter fails, as a full disk does.
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

// predictionReading is the little of one that predictions need.
func predictionReading(t *testing.T) *Reading {
	t.Helper()
	r := NewReading(time.Now())
	r.Goroutines = Count(runtime.NumGoroutine())
	s := []metrics.Sample{{Name: "/memory/classes/profiling/buckets:bytes"}}
	metrics.Read(s)
	r.BuckHashSys = Bytes(s[0].Value.Uint64())
	return &r
}

// allocated is what f allocates, in bytes.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

func checkPrediction(t *testing.T, what string, predicted, measured int64) {
	t.Helper()
	t.Logf("%s: predicted %v, measured %v", what, Bytes(predicted), Bytes(measured))
	// Too low and the capture is the last straw; far too high and evidence
	// is left out for which there was room.
	if measured > predicted && !raceEnabled { // the race detector's own allocations count as well
		t.Errorf("%s: allocated %v, predicted only %v", what, Bytes(measured), Bytes(predicted))
	}
	if predicted > 8*measured+2*encoderBytes {
		t.Errorf("%s: allocated %v, predicted as much as %v", what, Bytes(measured), Bytes(predicted))
	}
}

func TestPredictGoroutines(t *testing.T) {
	for _, n := range []int{10, 10_000, 100_000} {
		if n > 10_000 && raceEnabled {
			continue // 100,000 goroutines cost seconds under the race detector
		}
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			stop := make(chan struct{})
			var started, ended sync.WaitGroup
			for range n {
				started.Add(1)
				ended.Go(func() { started.Done(); <-stop })
			}
			started.Wait()
			r := predictionReading(t)
			capture := func() {
				if err := Capture(io.Discard, Goroutine); err != nil {
					t.Error(err)
				}
			}
			checkPrediction(t, "goroutine profile", PredictCapture(Goroutine, r), allocated(capture))
			if n <= 10_000 {
				text := func() {
					if err := CaptureGoroutineText(io.Discard); err != nil {
						t.Error(err)
					}
				}
				checkPrediction(t, "text", PredictGoroutineText(r), allocated(text))
			}
			close(stop)
			ended.Wait()
		})
	}
}

var held [][]byte // keeps the buckets' memory in use

// deep allocates under a stack of its own for each path.
//
//go:noinline
func deep(path uint, depth int) {
	switch {
	case depth == 0:
		held = append(held, make([]byte, 64))
	case path&1 == 0:
		deep(path>>1, depth-1)
	default:
		deep(path>>1, depth-1)
	}
}

func TestPredictHeapWithManyBuckets(t *testing.T) {
	rate := runtime.MemProfileRate
	runtime.MemProfileRate = 1
	for path := range uint(1 << 13) {
		deep(path, 13)
	}
	runtime.MemProfileRate = rate
	t.Cleanup(func() { held = nil })
	runtime.GC()
	runtime.GC() // now the profile has them
	r := predictionReading(t)
	for _, kind := range []Kind{Heap, Allocs} {
		got := allocated(func() {
			if err := Capture(io.Discard, kind); err != nil {
				t.Error(err)
			}
		})
		checkPrediction(t, kind.String(), PredictCapture(kind, r), got)
		if got < 2*encoderBytes {
			t.Errorf("only %v allocated: the heap has not many buckets", Bytes(got))
		}
	}
}

func TestPredictOfTheUnknown(t *testing.T) {
	r := NewReading(noon)
	for _, kind := range Kinds() {
		if got := PredictCapture(kind, &r); got != encoderBytes {
			t.Errorf("%v: %d", kind, got)
		}
	}
	if got := PredictGoroutineText(&r); got != 1<<20 {
		t.Errorf("text: %d", got)
	}
}
