package budget

import (
	"fmt"
	"io"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"sync"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/census"
	"github.com/leakguard/leakguard/internal/testenv"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// predictionReading returns a reading with the few values that predictions
// need.
func predictionReading(t *testing.T) *incident.Reading {
	t.Helper()
	r := incident.NewReading(time.Now())
	r.Goroutines = profile.Count(runtime.NumGoroutine())
	s := []metrics.Sample{{Name: "/memory/classes/profiling/buckets:bytes"}}
	metrics.Read(s)
	r.BuckHashSys = profile.Bytes(s[0].Value.Uint64())
	return &r
}

// allocated returns how many bytes f allocates.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

func checkPrediction(t *testing.T, what string, predicted, measured int64) {
	t.Helper()
	t.Logf("%s: predicted %v, measured %v", what, profile.Bytes(predicted), profile.Bytes(measured))
	// If it is too low, the capture is the last straw; if far too high,
	// evidence is skipped although there was room.
	if measured > predicted && !testenv.RaceEnabled { // the race detector allocates, too
		t.Errorf("%s: allocated %v, predicted only %v", what, profile.Bytes(measured), profile.Bytes(predicted))
	}
	if predicted > 8*measured+2*encoderBytes {
		t.Errorf("%s: allocated %v, predicted as much as %v", what, profile.Bytes(measured), profile.Bytes(predicted))
	}
}

func TestPredictGoroutines(t *testing.T) {
	for _, n := range []int{10, 10_000, 100_000} {
		if n > 10_000 && testenv.RaceEnabled {
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
				if err := profile.Capture(io.Discard, profile.Goroutine); err != nil {
					t.Error(err)
				}
			}
			checkPrediction(t, "goroutine profile", PredictCapture(profile.Goroutine, r), allocated(capture))
			if n <= 10_000 {
				text := func() {
					if err := pprof.Lookup("goroutine").WriteTo(io.Discard, 2); err != nil {
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

// nested calls f from a stack that is that much deeper.
//
//go:noinline
func nested(depth int, f func()) {
	if depth > 0 {
		nested(depth-1, f)
	} else {
		f()
	}
	runtime.KeepAlive(depth)
}

// The prediction follows the length of the stacks: the profile of 10,000 goroutines takes
// 4 MiB or 17.
func TestPredictGoroutinesByDepth(t *testing.T) {
	if testenv.RaceEnabled {
		t.Skip("the race detector allocates, too")
	}
	const n = 10_000
	for _, depth := range []int{0, 3, 8, 12, 30} {
		stop := make(chan struct{})
		var started, ended sync.WaitGroup
		for range n {
			started.Add(1)
			ended.Go(func() { nested(depth, func() { started.Done(); <-stop }) })
		}
		started.Wait()
		reader := census.NewReader("")
		if _, err := reader.Take(); err != nil {
			t.Fatal(err)
		}
		got := allocated(func() {
			if err := profile.Capture(io.Discard, profile.Goroutine); err != nil {
				t.Error(err)
			}
		})
		predicted := PredictGoroutines(int64(runtime.NumGoroutine()), reader.Depth())
		t.Logf("%.1f frames: predicted %v, measured %v", reader.Depth(), profile.Bytes(predicted), profile.Bytes(got))
		if got > predicted {
			t.Errorf("%.1f frames: allocated %v, predicted only %v", reader.Depth(), profile.Bytes(got), profile.Bytes(predicted))
		}
		if depth <= 12 && float64(predicted) > 1.6*float64(got) {
			t.Errorf("%.1f frames: allocated %v, predicted as much as %v", reader.Depth(), profile.Bytes(got), profile.Bytes(predicted))
		}
		close(stop)
		ended.Wait()
	}
}

var held [][]byte // keeps the buckets' memory in use

// deep allocates with a distinct stack for each path.
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
	runtime.GC() // now the profile contains them
	r := predictionReading(t)
	for _, kind := range []profile.Kind{profile.Heap, profile.Allocs} {
		got := allocated(func() {
			if err := profile.Capture(io.Discard, kind); err != nil {
				t.Error(err)
			}
		})
		checkPrediction(t, kind.String(), PredictCapture(kind, r), got)
		if got < 2*encoderBytes {
			t.Errorf("only %v allocated: the heap has not many buckets", profile.Bytes(got))
		}
	}
}

func TestPredictOfTheUnknown(t *testing.T) {
	r := incident.NewReading(time.Now())
	for _, kind := range profile.Kinds() {
		if got := PredictCapture(kind, &r); got != encoderBytes {
			t.Errorf("%v: %d", kind, got)
		}
	}
	if got := PredictGoroutineText(&r); got != 1<<20 {
		t.Errorf("text: %d", got)
	}
}
