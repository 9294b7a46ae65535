package sentryhook

import (
	"sync"
	"time"
)

const (
	// generation is how many names a half of the memory holds.
	generation = 512
	// forgetting is the part of the difference by which a shorter
	// transaction lowers what is expected.
	forgetting = 16
)

// durations knows how long transactions take, by name.
//
// It keeps two generations of names. When the newer one is full it becomes the
// older one, and the older one is forgotten; a name that is learnt moves to the
// newer. That bounds it as an LRU list would, without the list.
type durations struct {
	unknown time.Duration

	mu           sync.Mutex
	newer, older map[string]time.Duration
}

func newDurations(unknown time.Duration) *durations {
	return &durations{unknown: unknown, newer: make(map[string]time.Duration)}
}

// learn notes how long a transaction took.
func (d *durations) learn(name string, took time.Duration) {
	if took < 0 {
		return // the wall clock was set
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

// expect says how long a transaction will take.
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
