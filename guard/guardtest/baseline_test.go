package guardtest

import (
	"testing"

	"github.com/leakguard/leakguard/internal/frames"
)

// On a busy machine a test that has reported its end keeps its goroutine for a
// while. The check after it must not take it for a test that still runs.
func TestTestRuns(t *testing.T) {
	for _, c := range []struct {
		stack []string // leaf first
		want  bool
	}{
		{[]string{"example.com/shop.TestOther", "testing.tRunner"}, true},
		{[]string{"runtime.gopark", "time.Sleep", "testing.tRunner"}, true},
		{[]string{"testing.(*common).Cleanup", "example.com/shop.TestOther", "testing.tRunner"}, true},
		{[]string{"example.com/shop.TestOther.func1", "testing.(*common).runCleanup", "testing.tRunner.func1", "testing.tRunner"}, true},
		{[]string{"runtime.chanrecv1", "testing.(*T).Run", "example.com/shop.TestParent", "testing.tRunner"}, false},
		{[]string{"testing.(*T).Parallel", "example.com/shop.TestOther", "testing.tRunner"}, false},
		{[]string{"runtime.chanrecv1", "testing.tRunner.func1", "testing.tRunner"}, false},
		{[]string{"runtime.chansend1", "testing.tRunner.func1.2", "runtime.Goexit", "testing.(*common).FailNow", "example.com/shop.TestOther", "testing.tRunner"}, false},
		{[]string{"testing.tRunner"}, false},
		{[]string{"example.com/shop.wait"}, false},
	} {
		g := &group{count: 1, frames: func() (stack []frames.Frame) {
			for _, f := range c.stack {
				stack = append(stack, frames.Frame{Function: f})
			}
			return stack
		}}
		if got := testRuns(goroutines{groups: []*group{g}}); got != c.want {
			t.Errorf("%q: %v, want %v", c.stack, got, c.want)
		}
	}
}
