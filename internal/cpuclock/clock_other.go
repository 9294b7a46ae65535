//go:build !linux || mips || mipsle || mips64 || mips64le

package cpuclock

import (
	"errors"
	"fmt"
	"runtime"
	"time"
)

// Clock wakes its owner by the CPU time of the process, on Linux.
type Clock struct {
	// C never receives anything here.
	C <-chan struct{}
}

// New returns an error: this system has no such clock.
func New() (*Clock, error) {
	return nil, fmt.Errorf("cpuclock: %s/%s: %w", runtime.GOOS, runtime.GOARCH, errors.ErrUnsupported)
}

// Arm does nothing here.
func (c *Clock) Arm(time.Duration) error { return errors.ErrUnsupported }

// Close does nothing here.
func (c *Clock) Close() error { return nil }
