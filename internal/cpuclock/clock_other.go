//go:build !linux || mips || mipsle || mips64 || mips64le

package cpuclock

import (
	"errors"
	"fmt"
	"runtime"
	"time"
)

// Clock wakes its owner after an amount of CPU time of the process. It needs Linux.
type Clock struct {
	// C never receives anything on this system.
	C <-chan struct{}
}

// New returns [errors.ErrUnsupported]: this system has no such clock.
func New() (*Clock, error) {
	return nil, fmt.Errorf("cpuclock: %s/%s: %w", runtime.GOOS, runtime.GOARCH, errors.ErrUnsupported)
}

// Arm returns [errors.ErrUnsupported].
func (c *Clock) Arm(time.Duration) error { return errors.ErrUnsupported }

// Close does nothing.
func (c *Clock) Close() error { return nil }
