package service

import (
	"fmt"
	"os"
	"time"
)

// memory returns the memory of the process that cannot be reclaimed, in bytes, or 0 where
// there is no /proc.
func memory() int64 {
	var size, resident, shared int64
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fmt.Sscan(string(text), &size, &resident, &shared)
	return (resident - shared) * int64(os.Getpagesize())
}

// reach waits until memory reaches the line, or until done is closed.
func reach(line int64, done <-chan struct{}) {
	for memory() < line {
		select {
		case <-done:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// die kills the process, as the kernel's OOM killer does.
func die() {
	p, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {}
}
