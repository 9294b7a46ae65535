package guard

import (
	"testing"
	"time"
)

func TestBoxRests(t *testing.T) {
	for _, tt := range []struct {
		took time.Duration
		err  error
		want time.Duration
	}{
		{time.Millisecond, nil, 0},
		{200 * time.Millisecond, nil, 20 * time.Second},
		{time.Hour, nil, 10 * time.Minute},
		{time.Millisecond, ErrBusy, time.Minute},
		{time.Second, ErrBusy, 100 * time.Second},
	} {
		if got := restFor(tt.took, tt.err); got != tt.want {
			t.Errorf("%v, %v: rests %v, want %v", tt.took, tt.err, got, tt.want)
		}
	}
}
