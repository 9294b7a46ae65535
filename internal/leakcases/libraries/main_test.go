package libraries

import (
	"os"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard/guardtest"
)

// leaveOpen makes the cases leave open what they would close. The tests of the reports run
// this test binary again with it: a test that fails can be observed only from outside.
var leaveOpen = os.Getenv("LIBRARIES_LEAVE_OPEN") != ""

func TestMain(m *testing.M) { guardtest.Main(m, guardtest.Patience(patience())) }

// patience is long for what ends, on however slow a machine, and short for what does not.
func patience() time.Duration {
	if leaveOpen {
		return time.Second
	}
	return 30 * time.Second
}

func verify(t *testing.T) {
	t.Helper()
	guardtest.VerifyNone(t, guardtest.Patience(patience()))
}

// atEnd registers what closes a library.
func atEnd(t *testing.T, end func()) {
	if !leaveOpen {
		t.Cleanup(end)
	}
}
