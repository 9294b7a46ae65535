package evidence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/pprof"
	"time"
)

// errCPUInUse is returned by captureCPU while another CPU profile is running.
// A process can take only one at a time.
var errCPUInUse = errors.New("another CPU profile is running")

// captureCPU writes a CPU profile of the next d to w, or of the time until ctx
// is done, if that comes first. In both cases it writes what it has and returns
// nil. It fails with errCPUInUse while another CPU profile is running. An
// error of w is not reported, because the runtime does not report it.
func captureCPU(ctx context.Context, w io.Writer, d time.Duration) error {
	if err := pprof.StartCPUProfile(w); err != nil {
		// The runtime fails for this reason only, and has no error to test for.
		return fmt.Errorf("evidence: capture cpu: %w: %w", errCPUInUse, err)
	}
	defer pprof.StopCPUProfile()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
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
