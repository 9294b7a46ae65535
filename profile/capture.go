package profile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/pprof"
	"time"
)

// ErrNoProfile is returned by [Capture] for a kind that this toolchain cannot
// capture.
var ErrNoProfile = errors.New("this toolchain has no such profile")

// ErrCPUInUse is returned by [CaptureCPU] while another CPU profile is running.
// A process can take only one at a time.
var ErrCPUInUse = errors.New("another CPU profile is running")

// Available reports whether this process can capture the kind.
func (k Kind) Available() bool {
	return k == CPU || k >= 0 && k < kinds && pprof.Lookup(k.String()) != nil
}

// Capture writes a profile of the kind to w as a gzipped protocol buffer. It
// does not stop the world for longer than a garbage collection does. It fails
// with [ErrNoProfile] if this toolchain has no such profile, and with w's error
// if w fails. Use [CaptureCPU] for a CPU profile.
//
// Capture may be called from several goroutines at once.
func Capture(w io.Writer, kind Kind) error {
	p := pprof.Lookup(kind.String())
	if p == nil {
		return fmt.Errorf("profile: capture %s: %w", kind, ErrNoProfile)
	}
	// Every other form stops the world for as long as it writes.
	if err := p.WriteTo(w, 0); err != nil {
		return fmt.Errorf("profile: capture %s: %w", kind, err)
	}
	return nil
}

// CaptureCPU writes a CPU profile of the next d to w, or of the time until ctx
// is done, if that comes first. In both cases it writes what it has and returns
// nil. It fails with [ErrCPUInUse] while another CPU profile is running. An
// error of w is not reported, because the runtime does not report it.
func CaptureCPU(ctx context.Context, w io.Writer, d time.Duration) error {
	if err := pprof.StartCPUProfile(w); err != nil {
		// The runtime fails for this reason only, and has no error to test for.
		return fmt.Errorf("profile: capture cpu: %w: %w", ErrCPUInUse, err)
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

// MostTextGoroutines is the largest number of goroutines for which
// [CaptureGoroutineText] is affordable. It stops the world while it runs: 0.5
// to 12 s for 100,000 goroutines.
const MostTextGoroutines = 1000

// CaptureGoroutineText writes the goroutines to w as text, with what the binary
// profile lacks: their IDs, who created them and how long they have been
// waiting. It stops the world, so use it for at most [MostTextGoroutines]
// goroutines.
func CaptureGoroutineText(w io.Writer) error {
	if err := pprof.Lookup("goroutine").WriteTo(w, 2); err != nil {
		return fmt.Errorf("profile: capture goroutines as text: %w", err)
	}
	return nil
}
