package census

import (
	"testing"
	"time"
)

func TestNext(t *testing.T) {
	for _, tt := range []struct {
		cost       time.Duration
		goroutines int
		want       time.Duration
	}{
		{0, 0, time.Minute},
		{-1, 100, time.Minute},
		{0, 100_000, 450 * time.Second},
		{time.Millisecond, 1_000_000, time.Minute},
		{40 * time.Millisecond, 0, time.Minute},
		{100 * time.Millisecond, 0, 150 * time.Second},
		{time.Second, 0, 1500 * time.Second},
		{3 * time.Second, 0, time.Hour},
		{1 << 62, 0, time.Hour},
		{0, 1 << 30, time.Hour},
	} {
		if got := Next(tt.cost, tt.goroutines); got != tt.want {
			t.Errorf("Next(%v, %d) = %v, want %v", tt.cost, tt.goroutines, got, tt.want)
		}
	}
}
