package sink

import (
	"fmt"
	"testing"
	"time"
)

func TestQuotaTimeline(t *testing.T) {
	start := time.Now()
	q := newQuota(10, 3, start)
	for _, tt := range []struct {
		minute float64
		issue  string
		want   bool
	}{
		{0, "a", true}, {0, "a", true}, {0, "a", true},
		{0, "a", false},  // of this issue there were 3
		{19, "a", false}, // not yet refilled
		{20, "a", true},
		{20, "a", false},
		{20, "b", true}, {20, "b", true}, {20, "b", true}, // another one
		{20, "c", true}, {20, "c", true}, {20, "c", true},
		{20, "d", true}, {20, "d", true}, {20, "d", true},
		{20, "e", false}, // in all there were 10
		{26, "e", true},
		{26, "e", false},
		{1000, "a", true}, {1000, "a", true}, {1000, "a", true},
		{1000, "a", false}, // it holds no more than an hour's
		{900, "a", false},  // and no time is earned twice
	} {
		now := start.Add(time.Duration(tt.minute * float64(time.Minute)))
		got := q.allows([]string{"x", tt.issue}, now)
		if got != tt.want {
			t.Errorf("minute %v, %s: %v, want %v", tt.minute, tt.issue, got, tt.want)
		}
		if got {
			q.spend([]string{"x", tt.issue}, now)
		}
	}
}

func TestQuotaIsBounded(t *testing.T) {
	start := time.Now()
	q := newQuota(1<<30, 1, start)
	allowed := 0
	for i := range 10 * mostIssues {
		f := []string{fmt.Sprint(i)}
		if q.allows(f, start) {
			q.spend(f, start)
			allowed++
		}
	}
	if len(q.issues) > mostIssues+1 || allowed != mostIssues+1 {
		t.Errorf("%d issues are kept and %d events allowed, want %d", len(q.issues), allowed, mostIssues+1)
	}
	later := start.Add(time.Hour)
	if !q.allows([]string{"new"}, later) {
		t.Error("an hour later a new issue is refused")
	}
	if len(q.issues) > 2 {
		t.Errorf("%d issues are kept whose buckets are full", len(q.issues))
	}
}
