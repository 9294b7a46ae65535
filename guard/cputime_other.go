//go:build !unix && !windows

package guard

import (
	"time"

	"github.com/leakguard/leakguard/profile"
)

// cpuTime is not available on this system.
func cpuTime() time.Duration { return profile.Unknown }
