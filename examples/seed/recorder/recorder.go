// Package recorder is the victim of the story. Like a profiler that records the
// stacks of all goroutines, it holds memory for each existing goroutine. It leaks
// nothing; it grows because others do.
package recorder

import (
	"runtime"
	"time"
)

// bytesPerGoroutine is how much it records per goroutine.
const bytesPerGoroutine = 96 << 10

// Recorder records until it is stopped.
type Recorder struct {
	records [][]byte
	stop    chan struct{}
	done    chan struct{}
}

// Start returns a running recorder.
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

// record keeps one record per goroutine.
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
		record[i] = 1 // untouched memory does not count
	}
	return record
}

// Stop stops the recorder and releases its memory.
func (r *Recorder) Stop() {
	close(r.stop)
	<-r.done
}
