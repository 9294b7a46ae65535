package bucket

import (
	"math"
	"testing"
	"time"
)

func TestTakeTimeline(t *testing.T) {
	b := New(10, time.Hour) // a token every 6 minutes
	for _, step := range []struct {
		minute float64
		take   float64
		want   bool
	}{
		{0, 10, true}, // it starts full
		{0, 1, false},
		{5.9, 1, false},
		{6, 1, true},
		{6, 0, true},
		{36, 6, false}, // 5 have come
		{36, 5, true},
		{1000, 11, false}, // it never holds more than 10
		{1000, 10, true},
		{900, 1, false}, // time runs backwards
		{1005, 1, false},
		{1006, 1, true}, // and nothing was credited twice
	} {
		now := time.Duration(step.minute * float64(time.Minute))
		if got := b.Take(step.take, now); got != step.want {
			t.Errorf("minute %v: Take(%v) = %v, want %v", step.minute, step.take, got, step.want)
		}
	}
}

func TestSpendOwes(t *testing.T) {
	b := New(4, time.Hour)
	b.Spend(5, 0)
	if b.Has(0.5, 0) || b.Full(0) {
		t.Error("a bucket in debt has tokens")
	}
	if got, want := b.Wait(1, 0), 30*time.Minute; got != want {
		t.Errorf("the next token comes in %v, want %v", got, want)
	}
	if b.Take(1, 30*time.Minute-time.Second) || !b.Take(1, 30*time.Minute) {
		t.Error("Wait and Take disagree")
	}
	if b.Full(90*time.Minute-time.Second) || !b.Full(90*time.Minute) {
		t.Error("want it full an hour after it was empty")
	}
}

func TestWait(t *testing.T) {
	b := New(6, time.Hour)
	if got := b.Wait(6, 0); got != 0 {
		t.Errorf("a full bucket asks to wait %v", got)
	}
	if got := b.Wait(7, 0); got != math.MaxInt64 {
		t.Errorf("more than the capacity comes in %v", got)
	}
	b.Spend(1e30, 0)
	if got := b.Wait(1, 0); got != math.MaxInt64 {
		t.Errorf("a debt of more than Durations reach is paid in %v", got)
	}
	var zero Bucket
	if zero.Take(1, time.Hour) || zero.Wait(1, time.Hour) != math.MaxInt64 {
		t.Error("the zero bucket has tokens")
	}
	if zero.Capacity() != 0 || b.Capacity() != 6 {
		t.Errorf("capacities %v and %v, want 0 and 6", zero.Capacity(), b.Capacity())
	}
}

// Fractions of a token add up, however they are refilled.
func TestRoundingCostsNoToken(t *testing.T) {
	for _, parts := range []int{3, 7, 10, 1000} {
		b := New(30, time.Hour)
		b.Spend(30, 0)
		every := 2 * time.Minute / time.Duration(parts)
		for i := range parts {
			b.Has(1, every*time.Duration(i))
		}
		if !b.Take(1, 2*time.Minute) {
			t.Errorf("%d refills in two minutes did not make a token", parts)
		}
	}
}

// A budget in bytes may be practically none.
func TestHugeCapacity(t *testing.T) {
	b := New(math.MaxInt64, time.Minute)
	for i := range 1000 {
		if !b.Take(1<<40, time.Duration(i)) {
			t.Fatalf("refused %d", i)
		}
	}
}

func TestAllocatesNothing(t *testing.T) {
	b := New(10, time.Hour)
	now := time.Duration(0)
	if n := testing.AllocsPerRun(100, func() {
		now += time.Minute
		b.Take(1, now)
		b.Wait(1, now)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
