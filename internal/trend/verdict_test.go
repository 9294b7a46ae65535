package trend_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/trend"
)

func TestTimeTo(t *testing.T) {
	v := trend.Verdict{State: trend.Leaking, Slope: 10, Low: 5, High: 20}
	for _, c := range []struct {
		name            string
		v               trend.Verdict
		current, limit  float64
		soonest, latest time.Duration
		ok              bool
	}{
		{"100 below", v, 900, 1000, 5 * time.Hour, 20 * time.Hour, true},
		{"met", v, 1000, 1000, 0, 0, true},
		{"may not grow", trend.Verdict{State: trend.Growing, Low: -1, High: 100}, 900, 1000, time.Hour, trend.Never, true},
		{"farther than time goes", trend.Verdict{State: trend.Growing, Low: 1e-300, High: 1e-200}, 0, 1e18, trend.Never, trend.Never, true},
		{"calm", trend.Verdict{}, 900, 1000, 0, 0, false},
		{"no limit", v, 900, 0, 0, 0, false},
		{"limit not known", v, 900, -1, 0, 0, false},
		{"current not known", v, -1, 1000, 0, 0, false},
		{"not a number", v, math.NaN(), 1000, 0, 0, false},
	} {
		soonest, latest, ok := c.v.TimeTo(c.current, c.limit)
		if soonest != c.soonest || latest != c.latest || ok != c.ok {
			t.Errorf("%s: TimeTo = %v, %v, %v, want %v, %v, %v", c.name, soonest, latest, ok, c.soonest, c.latest, c.ok)
		}
	}
}

func TestStateString(t *testing.T) {
	for s, want := range map[trend.State]string{trend.Calm: "calm", trend.Growing: "growing", trend.Leaking: "leaking", 9: "State(9)"} {
		if got := s.String(); got != want {
			t.Errorf("State(%d) is %q, want %q", int(s), got, want)
		}
	}
}

func ExampleSeries_Judge() {
	var heap trend.Series
	const MiB = 1 << 20
	for m := range 30 * 60 { // 30 hours, a sample a minute
		v := 200*MiB + 4*MiB*float64(m)/60 + MiB*float64(m%7)
		heap.Add(time.Duration(m)*time.Minute, v)
	}
	v := heap.Judge()
	soonest, latest, _ := v.TimeTo(320*MiB, 512*MiB)
	fmt.Printf("%v by %.1f MiB an hour: %s\n", v.State, v.Slope/MiB, v.Reason)
	fmt.Printf("at its limit in %.0f to %.0f hours\n", soonest.Hours(), latest.Hours())
	// Output:
	// leaking by 4.0 MiB an hour: it grew by 43% in 24 h, evenly, and beyond what noise, swings, steps and warm-up explain
	// at its limit in 48 to 48 hours
}

func ExampleSeries_Points() {
	s := trend.New(trend.Resolution{Bin: time.Minute, Bins: 60})
	s.Add(10*time.Second, 7)
	s.Add(50*time.Second, 5)
	s.Add(70*time.Second, 6)
	for _, p := range s.Points() {
		fmt.Println(p.At, p.Floor)
	}
	// Output:
	// 0s 5
	// 1m0s 6
}
