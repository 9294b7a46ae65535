package evidence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"
)

// errCPUInUse is returned by captureCPU while another CPU profile is running.
// A process can take only one at a time.
var errCPUInUse = errors.New("another CPU profile is running")

// longestStart is how long a CPU profile may take to begin. It waits for the end of one
// that the program takes itself, which does not come while that one's writer stalls.
const longestStart = time.Second

// cpuStalled says that a StartCPUProfile of ours still waits.
var cpuStalled atomic.Bool

// captureCPU writes a CPU profile of the next d to w, or of the time until ctx
// is done, if that comes first. In both cases it writes what it has and returns
// nil. It fails with errCPUInUse while another CPU profile is running, or does not end.
// An error of w is not reported, because the runtime does not report it.
func captureCPU(ctx context.Context, w io.Writer, d time.Duration) error {
	if !cpuStalled.CompareAndSwap(false, true) {
		return fmt.Errorf("evidence: capture cpu: %w, and does not end", errCPUInUse)
	}
	out := &detachable{w: w}
	started := make(chan error)
	abandoned := make(chan struct{})
	go func() {
		err := pprof.StartCPUProfile(out)
		cpuStalled.Store(false)
		select {
		case started <- err:
		case <-abandoned:
			if err == nil {
				pprof.StopCPUProfile()
			}
		}
	}()
	timer := time.NewTimer(longestStart)
	defer timer.Stop()
	select {
	case err := <-started:
		if err != nil {
			// The runtime fails for this reason only, and has no error to test for.
			return fmt.Errorf("evidence: capture cpu: %w: %w", errCPUInUse, err)
		}
	case <-timer.C:
		out.detach()
		close(abandoned)
		return fmt.Errorf("evidence: capture cpu: %w, and does not end", errCPUInUse)
	}
	defer pprof.StopCPUProfile()
	timer.Reset(d)
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}

// detachable is a writer that can be taken away from whoever still writes.
type detachable struct {
	mu sync.Mutex
	w  io.Writer // nil: taken away
}

func (d *detachable) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.w == nil {
		return len(p), nil
	}
	return d.w.Write(p)
}

func (d *detachable) detach() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.w = nil
}

// mostTextGoroutines is the largest number of goroutines for which
// captureGoroutineText is affordable. It stops the world while it runs: 0.5
// to 12 s for 100,000 goroutines.
const mostTextGoroutines = 1000

// captureGoroutineText writes the goroutines to w as text, with what the binary
// profile lacks: their IDs, who created them and how long they have been
// waiting. It stops the world, so use it for at most mostTextGoroutines
// goroutines.
func captureGoroutineText(w io.Writer) error {
	if err := pprof.Lookup("goroutine").WriteTo(w, 2); err != nil {
		return fmt.Errorf("evidence: capture goroutines as text: %w", err)
	}
	return nil
}
