package transport

import (
	"sync"
	"time"

	"github.com/leakguard/leakguard/internal/bucket"
)

// byteRate limits how many bytes leave in a minute. What is not used adds up to one
// minute's worth.
type byteRate struct {
	start time.Time

	mu     sync.Mutex
	bucket bucket.Bucket
}

func newByteRate(perMinute int64) *byteRate {
	return &byteRate{start: time.Now(), bucket: bucket.New(float64(perMinute), time.Minute)}
}

// take takes n bytes, if there are as many.
func (r *byteRate) take(n int64, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bucket.Take(float64(n), now.Sub(r.start))
}
