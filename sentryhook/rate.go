package sentryhook

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// byteBucket is a token bucket of bytes.
type byteBucket struct {
	mu        sync.Mutex
	perMinute float64 // also how much it holds
	left      float64
	at        time.Time
}

// take takes n bytes if there are as many.
func (b *byteBucket) take(n int64, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at.IsZero() {
		b.left = b.perMinute
	} else if d := now.Sub(b.at); d > 0 {
		b.left = min(b.left+d.Minutes()*b.perMinute, b.perMinute)
	}
	b.at = now
	if float64(n) > b.left {
		return false
	}
	b.left -= float64(n)
	return true
}

// What a response without a time, or with an absurd one, stands for.
const (
	usualRetryAfter   = time.Minute
	longestRetryAfter = 24 * time.Hour
)

// profileLimit returns for how long a response forbids profiles; 0: it does not.
//
// X-Sentry-Rate-Limits is a list of 'seconds:categories:scope:...', categories
// with ';' between them and none for all (https://develop.sentry.dev/sdk/expected-features/rate-limiting/);
// it may come with any status. A 429 without it is for all that is sent.
func profileLimit(r *http.Response, now time.Time) (longest time.Duration) {
	limits := r.Header.Values("X-Sentry-Rate-Limits")
	for limit := range strings.SplitSeq(strings.Join(limits, ","), ",") {
		fields := strings.Split(limit, ":")
		if len(fields) < 2 {
			continue
		}
		categories := strings.Split(strings.ToLower(strings.TrimSpace(fields[1])), ";")
		if fields[1] != "" && !slices.Contains(categories, "profile") {
			continue
		}
		if d, ok := seconds(fields[0]); ok {
			longest = max(longest, d)
		}
	}
	if len(limits) > 0 || r.StatusCode != http.StatusTooManyRequests {
		return longest
	}
	after := r.Header.Get("Retry-After")
	if d, ok := seconds(after); ok {
		return d
	}
	if date, err := http.ParseTime(after); err == nil {
		return min(max(date.Sub(now), 0), longestRetryAfter)
	}
	return usualRetryAfter
}

func seconds(s string) (time.Duration, bool) {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(f) {
		return 0, false
	}
	return time.Duration(min(max(f, 0), longestRetryAfter.Seconds()) * float64(time.Second)), true
}
