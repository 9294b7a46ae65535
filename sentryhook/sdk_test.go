package sentryhook_test

import (
	"testing"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/sentryhook/internal/sdktest"
)

// The SDK that profiles; sentryhook/newest tests the newest one.
func TestSDK(t *testing.T) {
	if sentry.SDKVersion != "0.30.0" {
		t.Fatalf("sentry-go %s, want 0.30.0, the last one that profiles", sentry.SDKVersion)
	}
	sdktest.Run(t)
}
