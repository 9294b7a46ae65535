package gate

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"
)

// BenchmarkGate shows what a transaction with 1,000 parked goroutines costs with and
// without the gate: by how much the heap's objects rise at most, and how long Finish
// takes. The transaction lasts 1 s, or 10 s if LEAKGUARD_BENCH_LONG is set. 'With' comes
// first, because the SDK's recorder cannot be stopped once it runs.
func BenchmarkGate(b *testing.B) {
	lasts := time.Second
	if os.Getenv("LEAKGUARD_BENCH_LONG") != "" {
		lasts = 10 * time.Second
	}
	stop := make(chan struct{})
	defer close(stop)
	for range 1000 {
		go func() { <-stop }()
	}
	o := sentry.ClientOptions{Dsn: "http://key@127.0.0.1:1/42", EnableTracing: true, TracesSampleRate: 1}
	plain, err := sentry.NewClient(o)
	if err != nil {
		b.Fatal(err)
	}
	gate, err := New(Config{Plain: plain, Settle: -1})
	if err != nil {
		b.Fatal(err)
	}
	o.ProfilesSampleRate = 1
	gated := o
	gated.TracesSampler = gate.TracesSampler(nil)
	gated.BeforeSendTransaction = gate.BeforeSendTransaction(nil)
	for _, bm := range []struct {
		name    string
		options sentry.ClientOptions
	}{{"with", gated}, {"without", o}} {
		b.Run(bm.name, func(b *testing.B) {
			client, err := sentry.NewClient(bm.options)
			if err != nil {
				b.Fatal(err)
			}
			ctx := sentry.SetHubOnContext(context.Background(), sentry.NewHub(client, sentry.NewScope()))
			var finish time.Duration
			var peak uint64
			for b.Loop() {
				debug.FreeOSMemory()
				watch := watchHeap()
				tx := sentry.StartTransaction(ctx, "benchmark")
				time.Sleep(lasts)
				start := time.Now()
				tx.Finish()
				finish += time.Since(start)
				peak = max(peak, watch())
			}
			b.ReportMetric(float64(finish.Milliseconds())/float64(b.N), "finish-ms")
			b.ReportMetric(float64(peak)/(1<<20), "heap-peak-MiB")
		})
	}
	b.Logf("the gate: %+v", gate.Stats())
}

// watchHeap returns a function that ends the watch and returns by how much the heap's
// objects, garbage included, rose at most.
func watchHeap() func() uint64 {
	read := func() uint64 {
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	base := read()
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		highest := base
		for {
			highest = max(highest, read())
			select {
			case <-stop:
				peak <- max(highest, read()) - base
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return func() uint64 { close(stop); return <-peak }
}

// BenchmarkGateDecision is what the gate costs each transaction.
func BenchmarkGateDecision(b *testing.B) {
	g, err := New(Config{Settle: -1})
	if err != nil {
		b.Fatal(err)
	}
	g.durations.learn("GET /", time.Millisecond)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_ = g.decide(g.durations.expect("GET /"))
		}
	})
}

// BenchmarkStackOfAll is one sample of the SDK's recorder, which stops the world. It is
// the reason for GateConfig.MaxGoroutines, and for its default of 500.
func BenchmarkStackOfAll(b *testing.B) {
	for _, n := range []int{100, 500, 1000, 5000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			stop := make(chan struct{})
			defer close(stop)
			for range n {
				go func() { <-stop }()
			}
			buf := make([]byte, 16<<20)
			for b.Loop() {
				runtime.Stack(buf, true)
			}
		})
	}
}
