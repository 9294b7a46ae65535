package programs_test

import (
	"slices"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard/guardtest"
	"github.com/leakguard/leakguard/internal/leakprograms/patterns"
)

// TestHealthy runs each fixed leak and each healthy server as a service in a
// separate test. Nothing is left, so nothing may be reported.
func TestHealthy(t *testing.T) {
	healthy := slices.Concat(patterns.Fixed, patterns.Healthy)
	if len(healthy) != 38+21 {
		t.Errorf("%d patterns", len(healthy))
	}
	for _, p := range healthy {
		t.Run("serial/"+p.Name, func(t *testing.T) { serve(t, p) })
	}
	t.Run("parallel", func(t *testing.T) {
		for _, p := range healthy {
			t.Run(p.Name, func(t *testing.T) {
				t.Parallel()
				serve(t, p)
			})
		}
	})
}

// serve runs a service until it has ended, but does not wait for its goroutines.
func serve(t *testing.T, p patterns.Pattern) {
	guardtest.VerifyNone(t, guardtest.Patience(30*time.Second))
	s := patterns.NewService(uint64(len(p.Name)))
	step := p.Start(s)
	for range 20 {
		s.Next()
		step()
		time.Sleep(time.Millisecond)
	}
	s.End()
}
