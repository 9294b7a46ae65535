package sink

import (
	"strings"
	"sync"
	"time"

	"github.com/leakguard/leakguard/internal/bucket"
)

// mostIssues bounds the fingerprints whose quota is remembered. Those beyond share one.
const mostIssues = 256

// quota bounds how many events are sent, in all and for each fingerprint. Its buckets
// hold what may be sent in an hour, and refill evenly.
type quota struct {
	start    time.Time
	perIssue int

	mu     sync.Mutex
	total  bucket.Bucket
	issues map[string]*bucket.Bucket
}

func newQuota(perHour, perIssue int, now time.Time) *quota {
	return &quota{
		start: now, perIssue: perIssue,
		total:  bucket.New(float64(perHour), time.Hour),
		issues: make(map[string]*bucket.Bucket),
	}
}

// allows reports whether an event may be sent now.
func (q *quota) allows(fingerprint []string, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	at := now.Sub(q.start)
	return q.total.Has(1, at) && q.issue(fingerprint, at).Has(1, at)
}

// spend takes what an event costs. It is called when the event has been accepted, so
// an event that could not be delivered costs nothing.
func (q *quota) spend(fingerprint []string, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	at := now.Sub(q.start)
	q.total.Spend(1, at)
	q.issue(fingerprint, at).Spend(1, at)
}

// issue returns the bucket of a fingerprint.
func (q *quota) issue(fingerprint []string, at time.Duration) *bucket.Bucket {
	key := strings.Join(fingerprint, "\x00")
	if b := q.issues[key]; b != nil {
		return b
	}
	if len(q.issues) >= mostIssues {
		for k, b := range q.issues {
			if b.Full(at) { // as good as a new one
				delete(q.issues, k)
			}
		}
		if len(q.issues) >= mostIssues {
			key = "" // the shared one
			if b := q.issues[key]; b != nil {
				return b
			}
		}
	}
	b := bucket.New(float64(q.perIssue), time.Hour)
	q.issues[key] = &b
	return &b
}
