package guard

import (
	"syscall"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// cpuTime returns the CPU time of the process, user and kernel (GetProcessTimes).
func cpuTime() time.Duration {
	self, err := syscall.GetCurrentProcess()
	if err != nil {
		return profile.Unknown
	}
	var created, exited, kernel, user syscall.Filetime
	if err := syscall.GetProcessTimes(self, &created, &exited, &kernel, &user); err != nil {
		return profile.Unknown
	}
	// For a duration, a Filetime counts units of 100 ns from zero, not from 1601.
	ticks := func(f syscall.Filetime) int64 { return int64(f.HighDateTime)<<32 | int64(f.LowDateTime) }
	return time.Duration(100 * (ticks(kernel) + ticks(user)))
}
