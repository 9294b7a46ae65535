//go:build !unix && !windows

package guard

import (
	"time"

	"github.com/leakguard/leakguard/profile"
)

// cpuTime is not known here.
func cpuTime() time.Duration { return profile.Unknown }
