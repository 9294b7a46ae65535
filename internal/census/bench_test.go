package census

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// BenchmarkTake takes censuses of goroutines with ten call paths of up to ten
// frames, and reports the share of a core at the resulting interval. A million
// goroutines need 3 GB and LEAKGUARD_BENCH_MILLION=1.
func BenchmarkTake(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			if n > 100_000 && os.Getenv("LEAKGUARD_BENCH_MILLION") != "1" {
				b.Skip("a million goroutines: set LEAKGUARD_BENCH_MILLION=1")
			}
			ch := make(chan int)
			defer func() {
				close(ch)
				for runtime.NumGoroutine() > 100 {
					time.Sleep(10 * time.Millisecond)
				}
			}()
			for i := range n {
				go recurse(i%10, ch)
			}
			r := NewReader("")
			if _, err := r.Take(); err != nil {
				b.Fatal(err)
			}
			runtime.GC()
			b.ReportAllocs()
			before, slowest := cpuTime(), time.Duration(0)
			for b.Loop() {
				if _, err := r.Take(); err != nil {
					b.Fatal(err)
				}
				slowest = max(slowest, r.Cost())
			}
			every := Next(r.Cost(), n)
			b.ReportMetric(every.Seconds(), "s-interval")
			b.ReportMetric(float64(r.Predict(n)), "predicted-B")
			// Nothing else runs, so the census's CPU time is the whole process's.
			if cpu := cpuTime() - before; cpu > 0 {
				cpu /= time.Duration(b.N)
				b.ReportMetric(float64(cpu)/1e6, "cpu-ms/op")
				b.ReportMetric(100*float64(cpu)/float64(every), "%core")
			}
		})
	}
}

// BenchmarkObserve feeds a watch that follows the largest possible number of sites.
func BenchmarkObserve(b *testing.B) {
	groups := make([]Group, maxSites)
	w := NewWatch()
	i := 0
	for b.Loop() {
		for j := range groups {
			groups[j] = Group{Key: Key{Wait: "select", Function: "f", Line: j}, Count: int64(100 + (i*j)%7 + i), Forever: true}
		}
		i++
		w.Observe(time.Duration(i)*time.Minute, groups)
	}
}
