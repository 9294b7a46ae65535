// Package limit limits how often a device may report.
package limit

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// metrics are the kinds of readings.
var metrics = []string{"temperature", "humidity", "pressure", "battery", "signal", "position", "state", "error"}

// device has a bucket for each kind of reading, and its last reports.
type device struct {
	buckets map[string]*rate.Limiter
	recent  [64]time.Time
	next    int
}

// Limiter has all devices.
type Limiter struct {
	every rate.Limit
	burst int

	mu      sync.Mutex
	devices map[string]*device
}

// New returns a limiter.
func New(every rate.Limit, burst int) *Limiter {
	return &Limiter{every: every, burst: burst, devices: map[string]*device{}}
}

// Allow reports whether a reading may pass.
func (l *Limiter) Allow(id, metric string, at time.Time) bool {
	d := l.device(id)
	d.recent[d.next%len(d.recent)] = at
	d.next++
	b := d.buckets[metric]
	return b != nil && b.AllowN(at, 1)
}

// device returns what is known of a device.
func (l *Limiter) device(id string) *device {
	l.mu.Lock()
	defer l.mu.Unlock()
	d, ok := l.devices[id]
	if !ok {
		d = &device{buckets: make(map[string]*rate.Limiter, len(metrics))}
		for _, m := range metrics {
			d.buckets[m] = rate.NewLimiter(l.every, l.burst)
		}
		l.devices[id] = d
	}
	return d
}

// Reset forgets all devices.
func (l *Limiter) Reset() {
	l.mu.Lock()
	l.devices = map[string]*device{}
	l.mu.Unlock()
}
