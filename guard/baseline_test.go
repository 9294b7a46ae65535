package guard

import (
	"slices"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard/internal/evidence"
)

// baselineTimes are when the schedule takes baselines that cost that much each, if the
// loop looks once a second.
func baselineTimes(until time.Duration, cost func(at time.Duration) time.Duration) (taken []time.Duration) {
	var b baselines
	for at := time.Duration(0); at < until; at += time.Second {
		if at < b.next {
			continue
		}
		taken = append(taken, at)
		b.next = nextBaseline(at)
		b.pay(cost(at))
	}
	return taken
}

func TestBaselinesComeEarly(t *testing.T) {
	cheap := func(time.Duration) time.Duration { return 100 * time.Millisecond }
	want := []time.Duration{0, 5 * second, 20 * second, minute, 5 * minute, 20 * minute, hour, 2 * hour, 3 * hour}
	if got := baselineTimes(4*hour, cheap); !slices.Equal(got, want) {
		t.Errorf("baselines at %v, want %v", got, want)
	}
	// After an incident the schedule goes on at the age that the process has by then.
	for _, test := range []struct{ at, want time.Duration }{{90 * second, 5 * minute}, {21 * minute, hour}, {90 * minute, 150 * minute}} {
		if got := nextBaseline(test.at); got != test.want {
			t.Errorf("after one at %v the next is at %v, want %v", test.at, got, test.want)
		}
	}
}

// However long a forced GC takes, baselines take at most 0.1% of a core on average once
// the first has been paid for.
func TestBaselinesStayCheap(t *testing.T) {
	for _, cost := range []time.Duration{time.Millisecond, 10 * time.Millisecond, 200 * time.Millisecond, 2 * second, 20 * second} {
		const day = 24 * hour
		taken := baselineTimes(day, func(time.Duration) time.Duration { return cost })
		if spent := time.Duration(len(taken)-1) * cost; spent > day/1000 {
			t.Errorf("%v each: %d take %v a day", cost, len(taken), spent)
		}
		if len(taken) < 3 {
			t.Errorf("%v each: only %d a day", cost, len(taken))
		}
	}
}

// goroutineRungs are the numbers of goroutines in the baselines that are taken while they
// grow as given. spent is the time of those that the schedule does not have.
func goroutineRungs(until time.Duration, count func(at time.Duration) int64, cost time.Duration) (rungs []int64, spent time.Duration) {
	var b baselines
	for at := time.Duration(0); at < until; at += 10 * time.Millisecond {
		n := count(at)
		switch {
		case at >= b.next:
			b.next, b.goroutines = nextBaseline(at), n
			rungs = append(rungs, n)
		case b.doubled(at, n):
			r := evidence.Rung{Cost: time.Duration(n) * cost, Goroutines: n}
			b.goroutines, b.nextDoubled = n, nextDoubled(at, r)
			rungs, spent = append(rungs, n), spent+r.Cost
		}
	}
	return rungs, spent
}

func TestGoroutineBaselinesAtDoubling(t *testing.T) {
	const each = 2500 * time.Nanosecond
	for name, test := range map[string]struct {
		count func(at time.Duration) int64
		most  float64 // between one and the next
		want  int     // how many, the four of the schedule included
	}{
		"steady":                    {func(time.Duration) int64 { return 5000 }, 1, 4},
		"few":                       {func(at time.Duration) int64 { return min(10+int64(at/second), 499) }, 10, 4},
		"a leak of 1,000 a second":  {func(at time.Duration) int64 { return 400 + int64(at/time.Millisecond) }, 2.2, 9},
		"a leak of 10,000 a second": {func(at time.Duration) int64 { return 400 + 10*int64(at/time.Millisecond) }, 2.5, 10},
		"more than is affordable":   {func(at time.Duration) int64 { return 200_000 + int64(at/time.Millisecond)*1000 }, 100, 4},
	} {
		rungs, _ := goroutineRungs(minute+second, test.count, each)
		if len(rungs) != test.want {
			t.Errorf("%s: %d baselines, want %d: %v", name, len(rungs), test.want, rungs)
		}
		for i := 1; i < len(rungs); i++ {
			if most := test.most * float64(rungs[i-1]); float64(rungs[i]) > most && rungs[i] <= mostGoroutines {
				t.Errorf("%s: no baseline between %d and %d", name, rungs[i-1], rungs[i])
			}
		}
	}
	// However they swing, an hour costs little.
	rungs, spent := goroutineRungs(2*hour, func(at time.Duration) int64 {
		if at%minute < 10*second {
			return 100
		}
		return 200 << (at / second % 10)
	}, each)
	if spent > 2*hour/3000 {
		t.Errorf("%d baselines take %v in two hours", len(rungs), spent)
	}
	if at := nextDoubled(minute, evidence.Rung{}); at != minute+doubledRetry {
		t.Errorf("after a lost one the next is at %v", at)
	}
}
