// Package recorder is the victim of the story: like a profiler that records the
// stacks of all goroutines, it holds memory for each goroutine that there is. It
// leaks nothing; it grows because others do.
package recorder

import (
	"runtime"
	"time"
)

// bytesPerGoroutine is what it records of one.
const bytesPerGoroutine = 96 << 10

// Recorder records until it is stopped.
type Recorder struct {
	records [][]byte
	stop    chan struct{}
	done    chan struct{}
}

// Start starts a recorder.
func Start() *Recorder {
	r := &Recorder{stop: make(chan struct{}), done: make(chan struct{})}
	go r.run()
	return r
}

func (r *Recorder) run() {
	defer close(r.done)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.record(runtime.NumGoroutine())
		case <-r.stop:
			return
		}
	}
}

// record holds as many records as there are goroutines.
func (r *Recorder) record(goroutines int) {
	for len(r.records) < goroutines {
		r.records = append(r.records, newRecord())
	}
	clear(r.records[goroutines:])
	r.records = r.records[:goroutines]
}

func newRecord() []byte {
	record := make([]byte, bytesPerGoroutine)
	for i := range record {
		record[i] = 1 // memory that was never touched does not count
	}
	return record
}

// Stop ends the recording.
func (r *Recorder) Stop() {
	close(r.stop)
	<-r.done
}
