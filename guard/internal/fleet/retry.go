package fleet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	firstBackOff = 250 * time.Millisecond
	lastBackOff  = 8 * time.Second
)

// permanent is an error that a retry would not cure.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks an error as one that a retry would not cure.
func Permanent(err error) error { return permanent{err} }

// Retry calls f until it succeeds, returns a [Permanent] error, or ctx is done. It
// waits 250 ms after the first failure and doubles the wait each time, up to 8 s.
// Each wait is chosen at random from its upper half, so that a fleet does not retry
// all at once.
func Retry(ctx context.Context, f func() error) error {
	var last error
	wait := firstBackOff
	for tries := 1; ; tries++ {
		err := f()
		if err == nil {
			return nil
		}
		var p permanent
		if errors.As(err, &p) {
			return p.error
		}
		if last == nil || ctx.Err() == nil {
			last = err // more useful than 'context deadline exceeded'
		}
		timer := time.NewTimer(wait/2 + rand.N(wait/2))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("gave up after %d attempts: %w", tries, last)
		}
		wait = min(2*wait, lastBackOff)
	}
}
