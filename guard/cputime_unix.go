//go:build unix

package guard

import (
	"syscall"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// cpuTime returns the CPU time of the process, user and system (getrusage(2)).
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return profile.Unknown
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
