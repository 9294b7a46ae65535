package profile

import (
	"errors"
	"fmt"
	"io"
	"runtime/pprof"
)

// ErrNoProfile is returned by [Capture] for a kind that this toolchain cannot
// capture.
var ErrNoProfile = errors.New("this toolchain has no such profile")

// Available reports whether this process can capture the kind.
func (k Kind) Available() bool {
	return k == CPU || k >= 0 && k < kinds && pprof.Lookup(k.String()) != nil
}

// Capture writes a profile of the kind to w as a gzipped protocol buffer. It
// does not stop the world for longer than a garbage collection does. It fails
// with [ErrNoProfile] if this toolchain has no such profile, and with w's error
// if w fails. A CPU profile takes time: use [pprof.StartCPUProfile].
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
