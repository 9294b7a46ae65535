package frames_test

import (
	"testing"

	"github.com/leakguard/leakguard/guard/guardtest"
)

// TestWaitOfRealGoroutines leaves goroutines that nothing can end.
func TestMain(m *testing.M) {
	guardtest.Main(m,
		guardtest.IgnoreLabel("case", "chan receive (nil chan)"),
		guardtest.IgnoreLabel("case", "chan send (nil chan)"),
		guardtest.IgnoreLabel("case", "select (no cases)"),
		guardtest.IgnoreLabel("case", "sleep"))
}
