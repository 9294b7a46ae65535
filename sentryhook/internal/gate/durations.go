package gate

import (
	"sync"
	"time"
)

const (
	// generation is how many names each of the two generations holds.
	generation = 512
	// forgetting: a shorter transaction lowers the expectation by a sixteenth of
	// the difference.
	forgetting = 16
)

// durations knows how long transactions take, by name.
//
// It keeps two generations of names. When the newer one is full it replaces the older
// one, which is forgotten. A name that is learned moves to the newer one. This bounds
// the memory as an LRU list would, without the list.
type durations struct {
	unknown time.Duration

	mu           sync.Mutex
	newer, older map[string]time.Duration
}

func newDurations(unknown time.Duration) *durations {
	return &durations{unknown: unknown, newer: make(map[string]time.Duration)}
}

// learn records how long a transaction took.
func (d *durations) learn(name string, took time.Duration) {
	if took < 0 {
		return // the wall clock was set back
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	expected, ok := d.find(name)
	if ok && took < expected {
		took = expected - (expected-took)/forgetting
	}
	if _, ok := d.newer[name]; !ok && len(d.newer) == generation {
		d.older, d.newer = d.newer, make(map[string]time.Duration)
	}
	d.newer[name] = took
}

// expect returns how long a transaction is expected to take.
func (d *durations) expect(name string) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if expected, ok := d.find(name); ok {
		return expected
	}
	return d.unknown
}

func (d *durations) find(name string) (time.Duration, bool) {
	expected, ok := d.newer[name]
	if !ok {
		expected, ok = d.older[name]
	}
	return expected, ok
}
