package leakytest

import (
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard/guardtest"
)

func mirror(answer string, after time.Duration) Mirror {
	return func(string) string {
		time.Sleep(after)
		return answer
	}
}

func TestFirstOfOne(t *testing.T) {
	t.Parallel()
	guardtest.VerifyNone(t)
	if got := First("go.mod", mirror("a", time.Millisecond)); got != "a" {
		t.Errorf("got %q", got)
	}
}

func TestAll(t *testing.T) {
	t.Parallel()
	guardtest.VerifyNone(t)
	if got := All("go.mod", mirror("a", time.Millisecond), mirror("b", 0)); len(got) != 2 {
		t.Errorf("got %q", got)
	}
}
