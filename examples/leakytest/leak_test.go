//go:build leak

package leakytest

import (
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leakguard/leakguard/guard/guardtest"
)

var mirrors = slices.Repeat([]Mirror{mirror("a", time.Millisecond)}, 20)

func TestFirst(t *testing.T) {
	t.Parallel()
	guardtest.VerifyNone(t)
	if got := First("go.mod", mirrors...); got != "a" {
		t.Errorf("got %q", got)
	}
}

// The same leak with goleak, which cannot be used in a parallel test.
func TestFirstWithGoleak(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	if got := First("go.mod", mirrors...); got != "a" {
		t.Errorf("got %q", got)
	}
}
