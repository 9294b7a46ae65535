package words

import (
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-1: "?", 0: "0 ms", 300 * time.Microsecond: "0.3 ms", 254 * time.Millisecond: "254 ms", 2 * time.Second: "2 s", 2500 * time.Millisecond: "2.5 s", 59 * time.Second: "59 s",
		99 * time.Second: "99 s", 40 * time.Minute: "40 min", 99 * time.Minute: "99 min", 200 * time.Minute: "3 h 20 min", 26 * time.Hour: "26 h", 72 * time.Hour: "3 d", 75*time.Hour + 20*time.Minute: "3 d 3 h",
	} {
		if got := Span(d); got != want {
			t.Errorf("span(%d) = %q, want %q", d, got, want)
		}
	}
}
