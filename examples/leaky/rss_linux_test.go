package main

import (
	"os"
	"syscall"
)

// maxRSS returns the peak resident memory of the process, in bytes.
func maxRSS(s *os.ProcessState) (bytes int64, ok bool) {
	usage, ok := s.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, false
	}
	return int64(usage.Maxrss) << 10, true
}
