package diff

import (
	"bytes"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/profiletest"
	"github.com/leakguard/leakguard/profile"
)

func compareFiles(tb testing.TB, base, now []byte) *Comparison {
	tb.Helper()
	b, err := profile.Read(bytes.NewReader(base))
	if err != nil {
		tb.Fatal(err)
	}
	n, err := profile.Read(bytes.NewReader(now))
	if err != nil {
		tb.Fatal(err)
	}
	c, err := Compare(b, n, Config{})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// BenchmarkCompareHeap reads and compares two heap profiles.
func BenchmarkCompareHeap(b *testing.B) {
	for _, stacks := range []int{1_000, 10_000, 50_000} {
		b.Run(fmt.Sprint(stacks), func(b *testing.B) {
			base, now := profiletest.Encode(b, profiletest.HeapOf(stacks, 1, 1)), profiletest.Encode(b, profiletest.HeapOf(stacks, 1, 2))
			peak := watchHeap(b)
			compareFiles(b, base, now)
			most := peak()
			b.ReportAllocs()
			for b.Loop() {
				compareFiles(b, base, now)
			}
			b.ReportMetric(float64(len(base)+len(now))/(1<<20), "gz-MiB")
			b.ReportMetric(float64(most)/(1<<20), "peak-MiB")
		})
	}
}

// BenchmarkCompare compares two heap profiles of 50,000 stacks that have been read.
func BenchmarkCompare(b *testing.B) {
	base, now := profiletest.HeapOf(50_000, 1, 1), profiletest.HeapOf(50_000, 1, 2)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compare(base, now, Config{}); err != nil {
			b.Fatal(err)
		}
	}
}

// watchHeap measures the largest growth of the heap until peak is called.
func watchHeap(tb testing.TB) (peak func() uint64) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	start := m.HeapAlloc
	var most atomic.Uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most.Store(max(most.Load(), m.HeapAlloc-min(start, m.HeapAlloc)))
		}
	}()
	return func() uint64 { close(stop); <-done; return most.Load() }
}
