package profile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/pprof"
	"time"
)

// ErrNoProfile is returned for a kind of profile that this toolchain does not
// have.
var ErrNoProfile = errors.New("this toolchain has no such profile")

// ErrCPUInUse is returned by [CaptureCPU] while another CPU profile is running:
// a process can take one at a time.
var ErrCPUInUse = errors.New("another CPU profile is running")

// Available reports whether the process can capture this kind.
func (k Kind) Available() bool {
	return k == CPU || k >= 0 && k < kinds && pprof.Lookup(k.String()) != nil
}

// Capture writes a profile of the kind to w, as gzipped protocol buffer. It
// does not stop the world for longer than a garbage collection does. A CPU
// profile takes time and is [CaptureCPU]'s.
//
// It may be called from several goroutines. What it allocates is told by
// [budget.PredictCapture].
func Capture(w io.Writer, kind Kind) error {
	p := pprof.Lookup(kind.String())
	if p == nil {
		return fmt.Errorf("profile: capture %s: %w", kind, ErrNoProfile)
	}
	// debug=0 is the only form that does not stop the world for as long as
	// it writes.
	if err := p.WriteTo(w, 0); err != nil {
		return fmt.Errorf("profile: capture %s: %w", kind, err)
	}
	return nil
}

// CaptureCPU writes a CPU profile of the next d, or of the time until ctx is
// done if that comes first: what was profiled by then is written, and is no
// error. That another one is running is [ErrCPUInUse].
func CaptureCPU(ctx context.Context, w io.Writer, d time.Duration) error {
	if err := pprof.StartCPUProfile(w); err != nil {
		// There is no other reason, and no error of its own to test for.
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

// MostTextGoroutines is the number of goroutines up to which
// [CaptureGoroutineText] is affordable: it stops the world for as long as it
// takes, 0.5 to 12 s for 100,000 goroutines.
const MostTextGoroutines = 1000

// CaptureGoroutineText writes the goroutines as text, with what the binary
// profile lacks: their ids, who created them and for how long they have been
// waiting. It stops the world; use it below [MostTextGoroutines] only.
func CaptureGoroutineText(w io.Writer) error {
	if err := pprof.Lookup("goroutine").WriteTo(w, 2); err != nil {
		return fmt.Errorf("profile: capture goroutines as text: %w", err)
	}
	return nil
}
