package gate_test

import (
	"testing"

	"github.com/leakguard/leakguard/guard/guardtest"
)

// The SDK's transport and profiler never end what they start.
func TestMain(m *testing.M) {
	guardtest.Main(m,
		guardtest.IgnoreAny("github.com/getsentry/sentry-go.(*HTTPTransport).worker"),
		guardtest.IgnoreAny("github.com/getsentry/sentry-go.(*profileRecorder).run"))
}
