package transport

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/retryafter"
)

// usualRetryAfter is how long a 429 lasts that does not say.
const usualRetryAfter = time.Minute

// profileLimit returns how long a response forbids profiles, or 0 if it does not.
//
// X-Sentry-Rate-Limits is a list of 'seconds:categories:scope:...'. Categories are
// separated by ';', and none means all. The header may come with any status. A 429
// without it applies to everything that is sent.
// See https://develop.sentry.dev/sdk/expected-features/rate-limiting/.
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
		if d, ok := retryafter.Seconds(fields[0]); ok {
			longest = max(longest, d)
		}
	}
	if len(limits) > 0 || r.StatusCode != http.StatusTooManyRequests {
		return longest
	}
	if d, ok := retryafter.Parse(r.Header.Get("Retry-After"), now); ok {
		return d
	}
	return usualRetryAfter
}
