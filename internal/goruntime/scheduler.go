package goruntime

import "runtime/metrics"

const (
	schedLatencies = "/sched/latencies:seconds"
	// tracked is of how many times that a goroutine becomes runnable the runtime
	// measures one (gTrackingPeriod in runtime2.go).
	tracked = 8

	asyncTimers = "/godebug/non-default-behavior/asynctimerchan:events"
)

// Wakeups counts how often goroutines became runnable. It is used by one
// goroutine at a time; its zero value is ready to use. It is apart from [Reader]
// because its source is a histogram, whose first reading allocates.
type Wakeups struct {
	sample [1]metrics.Sample
}

// Read returns how often goroutines became runnable since the process began, by
// sample: for each the runtime measures every eighth time, so a goroutine that has
// been woken less than eight times may not count, and over many the error is
// small. Unknown where the toolchain does not tell. The first call allocates the
// histogram, later ones allocate nothing.
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
// set, under which the runtime never collects a ticker that nobody stops. It is
// known once the process has made a timer with a channel.
func AsyncTimers() bool {
	s := [1]metrics.Sample{{Name: asyncTimers}}
	metrics.Read(s[:])
	return s[0].Value.Kind() == metrics.KindUint64 && s[0].Value.Uint64() > 0
}
