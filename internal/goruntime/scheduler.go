package goruntime

import "runtime/metrics"

const (
	schedLatencies = "/sched/latencies:seconds"
	// tracked is the runtime's sampling interval: it measures one in this many times
	// that a goroutine becomes runnable (gTrackingPeriod in runtime2.go).
	tracked = 8

	asyncTimers = "/godebug/non-default-behavior/asynctimerchan:events"
)

// Wakeups counts how often goroutines became runnable. It must be used by one
// goroutine at a time. The zero value is ready to use. It is separate from [Reader]
// because its source is a histogram, and reading that for the first time allocates.
type Wakeups struct {
	sample [1]metrics.Sample
}

// Read estimates how often goroutines became runnable since the process started, or
// returns [Unknown] if the toolchain lacks the metric. The runtime measures every
// eighth time for each goroutine. One that has been woken fewer than eight times
// may therefore not count; over many goroutines the error is small. The first call
// allocates the histogram, later calls allocate nothing.
func (w *Wakeups) Read() int64 {
	w.sample[0].Name = schedLatencies
	metrics.Read(w.sample[:])
	if w.sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return Unknown
	}
	var n uint64
	for _, c := range w.sample[0].Value.Float64Histogram().Counts {
		n += c
	}
	return int64(n * tracked)
}

// AsyncTimers reports whether GODEBUG=asynctimerchan=1 is in force, however it was
// set. If it is, the runtime never collects a ticker that is not stopped. The
// result is reliable once the process has created a timer with a channel.
func AsyncTimers() bool {
	s := [1]metrics.Sample{{Name: asyncTimers}}
	metrics.Read(s[:])
	return s[0].Value.Kind() == metrics.KindUint64 && s[0].Value.Uint64() > 0
}
