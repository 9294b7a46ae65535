package retryafter

import (
	"testing"
	"time"
)

var now = time.Date(2026, 11, 20, 10, 15, 30, 500_000_000, time.UTC)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		value string
		want  time.Duration
		ok    bool
	}{
		{"0", 0, true},
		{"120", 2 * time.Minute, true},
		{" 120 ", 2 * time.Minute, true},
		{"1.5", 1500 * time.Millisecond, true},
		{"-5", 0, true},
		{"86400", Longest, true},
		{"86401", Longest, true},
		{"1e300", Longest, true},
		{"-1e300", 0, true},
		{"Inf", Longest, true},
		{"-Inf", 0, true},
		{"1e999", 0, false},
		{"NaN", 0, false},
		{"", 0, false},
		{"soon", 0, false},
		{"12 s", 0, false},
		// The three layouts of RFC 9110, 90 s and a half from now.
		{"Fri, 20 Nov 2026 10:17:01 GMT", 90*time.Second + 500*time.Millisecond, true},
		{"Friday, 20-Nov-26 10:17:01 GMT", 90*time.Second + 500*time.Millisecond, true},
		{"Fri Nov 20 10:17:01 2026", 90*time.Second + 500*time.Millisecond, true},
		{"  Fri, 20 Nov 2026 10:17:01 GMT  ", 90*time.Second + 500*time.Millisecond, true},
		{"Fri, 20 Nov 2026 10:15:30 GMT", 0, true}, // just past
		{"Thu, 01 Jan 1970 00:00:00 GMT", 0, true},
		{"Fri, 20 Nov 2099 10:17:01 GMT", Longest, true},
		{"Fri, 20 Nov 9999 10:17:01 GMT", Longest, true}, // the difference overflows
		{"Fri, 20 Nov 2026 25:17:01 GMT", 0, false},
		{"2026-11-20T10:17:01Z", 0, false},
	} {
		if got, ok := Parse(c.value, now); got != c.want || ok != c.ok {
			t.Errorf("Parse(%q) = %v, %v; want %v, %v", c.value, got, ok, c.want, c.ok)
		}
	}
}

func TestSecondsTakesNoDate(t *testing.T) {
	if wait, ok := Seconds("Fri, 20 Nov 2026 10:17:01 GMT"); ok {
		t.Errorf("a date is %v", wait)
	}
	if wait, ok := Seconds("60"); !ok || wait != time.Minute {
		t.Errorf("Seconds(60) = %v, %v", wait, ok)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"120", "-1", "1e300", "NaN", "Fri, 20 Nov 2026 10:17:01 GMT", "Fri Nov 20 10:17:01 2026"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		wait, ok := Parse(value, now)
		if wait < 0 || wait > Longest || !ok && wait != 0 {
			t.Errorf("Parse(%q) = %v, %v", value, wait, ok)
		}
	})
}
