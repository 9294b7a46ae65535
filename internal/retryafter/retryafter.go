package retryafter

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Longest is the longest wait that Parse and Seconds return.
const Longest = 24 * time.Hour

// dates are the layouts that RFC 9110 allows for a date, as in net/http, which
// this package does without: it would bring a server and a client along.
var dates = []string{"Mon, 02 Jan 2006 15:04:05 GMT", time.RFC850, time.ANSIC}

// Parse reads the value of a Retry-After header that was received now: a number
// of seconds, or an HTTP date, which counts from now. A date in the past is a wait
// of 0. It reports false for an empty value and anything else.
func Parse(value string, now time.Time) (time.Duration, bool) {
	if wait, ok := Seconds(value); ok {
		return wait, true
	}
	value = strings.TrimSpace(value)
	for _, layout := range dates {
		if date, err := time.Parse(layout, value); err == nil {
			return bounded(date.Sub(now)), true
		}
	}
	return 0, false
}

// Seconds reads a number of seconds, which may have a fraction; a negative one is
// 0. It reports false for anything else, NaN included.
func Seconds(value string) (time.Duration, bool) {
	seconds, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || math.IsNaN(seconds) {
		return 0, false
	}
	if seconds >= Longest.Seconds() {
		return Longest, true // also where a Duration would overflow
	}
	return bounded(time.Duration(seconds * float64(time.Second))), true
}

func bounded(wait time.Duration) time.Duration { return min(max(wait, 0), Longest) }
