package sentryhook

import (
	"strings"
	"sync"
	"time"
)

// mostIssues bounds the fingerprints whose quota is remembered; those beyond
// share one.
const mostIssues = 256

// quota bounds how many events are sent, in all and of one fingerprint. Its
// buckets hold what may be sent in an hour and refill evenly.
type quota struct {
	mu       sync.Mutex
	total    eventBucket
	perIssue int
	issues   map[string]*eventBucket
}

func newQuota(perHour, perIssue int, now time.Time) *quota {
	return &quota{total: newEventBucket(perHour, now), perIssue: perIssue, issues: make(map[string]*eventBucket)}
}

// allows reports whether an event may be sent now.
func (q *quota) allows(fingerprint []string, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.total.has(now) && q.issue(fingerprint, now).has(now)
}

// spend takes what an event costs. It is called when the event was accepted: one
// that could not be delivered has cost nothing.
func (q *quota) spend(fingerprint []string, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.total.take(now)
	q.issue(fingerprint, now).take(now)
}

func (q *quota) issue(fingerprint []string, now time.Time) *eventBucket {
	key := strings.Join(fingerprint, "\x00")
	if b := q.issues[key]; b != nil {
		return b
	}
	if len(q.issues) >= mostIssues {
		// A full bucket is as good as none.
		for k, b := range q.issues {
			if b.full(now) {
				delete(q.issues, k)
			}
		}
		if len(q.issues) >= mostIssues {
			key = ""
			if b := q.issues[key]; b != nil {
				return b
			}
		}
	}
	b := newEventBucket(q.perIssue, now)
	q.issues[key] = &b
	return &b
}

// eventBucket is a token bucket that refills within an hour.
type eventBucket struct {
	size, tokens float64
	at           time.Time
}

func newEventBucket(size int, now time.Time) eventBucket {
	return eventBucket{size: float64(size), tokens: float64(size), at: now}
}

func (b *eventBucket) refill(now time.Time) {
	if d := now.Sub(b.at); d > 0 {
		b.tokens = min(b.size, b.tokens+b.size*d.Hours())
		b.at = now
	}
}

// has allows for what adding up fractions loses.
func (b *eventBucket) has(now time.Time) bool { b.refill(now); return b.tokens >= 1-1e-9 }

func (b *eventBucket) full(now time.Time) bool { b.refill(now); return b.tokens == b.size }

func (b *eventBucket) take(now time.Time) { b.refill(now); b.tokens-- }
