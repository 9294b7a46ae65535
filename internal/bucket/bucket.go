package bucket

import (
	"math"
	"time"
)

// tolerance is the part of a request that rounding may have lost: ten refills of
// a tenth must add up to one.
const tolerance = 1e-9

// Bucket is a token bucket; see the package's documentation. The zero Bucket is
// empty for ever.
type Bucket struct {
	capacity, tokens float64
	refill           time.Duration // from empty to full
	at               time.Duration // when tokens was right
}

// New returns a full bucket of this capacity, in whatever unit the caller counts.
// An empty bucket is full again after refill, which must be above 0.
func New(capacity float64, refill time.Duration) Bucket {
	return Bucket{capacity: capacity, tokens: capacity, refill: refill}
}

// Capacity returns how many tokens the bucket holds when it is full.
func (b *Bucket) Capacity() float64 { return b.capacity }

// Tokens returns how many tokens there are; fewer than 0 if the bucket owes some.
func (b *Bucket) Tokens(now time.Duration) float64 {
	b.advance(now)
	return b.tokens
}

// Take takes n tokens and reports true, or takes none if there are fewer.
func (b *Bucket) Take(n float64, now time.Duration) bool {
	if !b.Has(n, now) {
		return false
	}
	b.tokens -= n
	return true
}

// Has reports whether Take would take n tokens.
func (b *Bucket) Has(n float64, now time.Duration) bool {
	b.advance(now)
	return b.tokens >= n-n*tolerance
}

// Spend takes n tokens even if there are fewer. The bucket then owes them, and
// refills that debt first.
func (b *Bucket) Spend(n float64, now time.Duration) {
	b.advance(now)
	b.tokens -= n
}

// Wait returns how long it takes until Take would take n tokens: 0 if it would
// now, and the longest Duration if the bucket never holds as many.
func (b *Bucket) Wait(n float64, now time.Duration) time.Duration {
	if b.Has(n, now) {
		return 0
	}
	if n > b.capacity || b.refill <= 0 {
		return math.MaxInt64
	}
	wait := (n - b.tokens) / b.capacity * float64(b.refill)
	if wait >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(math.Ceil(wait))
}

// Full reports whether the bucket is full. A full bucket is as good as a new one.
func (b *Bucket) Full(now time.Duration) bool {
	b.advance(now)
	return b.tokens >= b.capacity
}

func (b *Bucket) advance(now time.Duration) {
	if now <= b.at || b.refill <= 0 {
		return
	}
	refilled := b.capacity * (float64(now-b.at) / float64(b.refill))
	b.tokens = min(b.capacity, b.tokens+refilled)
	b.at = now
}
