package sentryhook_test

import (
	"testing"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/sentryhook/internal/sdktest"
)

// The SDK that profiles; sentryhook/newest has the other end.
func TestSDK(t *testing.T) {
	if sentry.SDKVersion != "0.30.0" {
		t.Fatalf("sentry-go %s: the last one that profiles is 0.30.0", sentry.SDKVersion)
	}
	sdktest.Run(t)
}
