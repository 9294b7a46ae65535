package newest

import (
	"testing"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/sentryhook/internal/sdktest"
)

func TestSDK(t *testing.T) {
	if sentry.SDKVersion == "0.30.0" {
		t.Fatal("this is the oldest")
	}
	t.Logf("sentry-go %s", sentry.SDKVersion)
	sdktest.Run(t)
}
