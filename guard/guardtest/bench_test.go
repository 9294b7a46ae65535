package guardtest_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leakguard/leakguard/guard/guardtest"
)

// heardT is a test that keeps its failures. goleak can use it, too.
type heardT struct {
	name     string
	heard    strings.Builder
	cleanups []func()
}

func (t *heardT) Helper()           {}
func (t *heardT) Name() string      { return t.name }
func (t *heardT) Cleanup(f func())  { t.cleanups = append(t.cleanups, f) }
func (t *heardT) Error(args ...any) { fmt.Fprintln(&t.heard, args...) }
func (t *heardT) Errorf(format string, args ...any) {
	fmt.Fprintf(&t.heard, format+"\n", args...)
}

// end runs the cleanups as testing does, and returns what was reported.
func (t *heardT) end() string {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
	t.cleanups = nil
	return t.heard.String()
}

// park starts goroutines that wait at two places until the benchmark ends. Their
// stacks are short, which favours goleak: it reads each of them as text.
func park(b *testing.B, n int) {
	b.Helper()
	stop, ended := make(chan struct{}), new(sync.WaitGroup)
	var parked sync.WaitGroup
	parked.Add(n)
	for i := range n {
		ended.Go(func() { deeper(i%2, &parked, stop) })
	}
	parked.Wait()
	b.Cleanup(func() {
		close(stop)
		ended.Wait()
	})
}

func deeper(depth int, parked *sync.WaitGroup, stop <-chan struct{}) {
	if depth > 0 {
		deeper(depth-1, parked, stop)
		return
	}
	parked.Done()
	<-stop
}

// BenchmarkVerifyNone measures a passing check, from the call to the end of the
// test, while other goroutines are parked. goleak must be told to ignore them, and
// looks at them twice.
func BenchmarkVerifyNone(b *testing.B) {
	for _, n := range []int{0, 1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("parked=%d", n), func(b *testing.B) {
			park(b, n)
			b.Run("guardtest", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					t := &heardT{name: "BenchmarkVerifyNone"}
					guardtest.VerifyNone(t)
					if said := t.end(); said != "" {
						b.Fatal(said)
					}
				}
			})
			b.Run("goleak", func(b *testing.B) {
				if n > 1_000 && os.Getenv("GUARDTEST_BENCH_ALL") != "1" {
					b.Skip("takes up to 10 s a time on a busy machine: set GUARDTEST_BENCH_ALL=1")
				}
				b.ReportAllocs()
				for b.Loop() {
					t := &heardT{name: "BenchmarkVerifyNone"}
					current := goleak.IgnoreCurrent()
					goleak.VerifyNone(t, current)
					if said := t.end(); said != "" {
						b.Fatalf("%.3000s", said)
					}
				}
			})
		})
	}
}

// BenchmarkVerifyNoneFails measures a check that finds 10,000 goroutines, and the
// size of its report. goleak's patience is fixed: 21 looks with pauses of 0.45 s in
// all. Therefore guardtest's is 0.45 s here.
func BenchmarkVerifyNoneFails(b *testing.B) {
	b.Run("guardtest", func(b *testing.B) {
		said := ""
		for b.Loop() {
			t := &heardT{name: "BenchmarkVerifyNoneFails"}
			guardtest.VerifyNone(t, guardtest.Patience(450*time.Millisecond))
			b.StopTimer()
			park(b, 10_000)
			b.StartTimer()
			said = t.end()
			if said == "" {
				b.Fatal("nothing found")
			}
		}
		b.ReportMetric(float64(len(said)), "message-bytes")
	})
	b.Run("goleak", func(b *testing.B) {
		if os.Getenv("GUARDTEST_BENCH_ALL") != "1" {
			b.Skip("takes 10 s a time on a busy machine: set GUARDTEST_BENCH_ALL=1")
		}
		said := ""
		for b.Loop() {
			t := &heardT{name: "BenchmarkVerifyNoneFails"}
			current := goleak.IgnoreCurrent()
			b.StopTimer()
			park(b, 10_000)
			b.StartTimer()
			goleak.VerifyNone(t, current)
			said = t.end()
			if said == "" {
				b.Fatal("nothing found")
			}
		}
		b.ReportMetric(float64(len(said)), "message-bytes")
	})
}
