package spotlight

import (
	"testing"

	"github.com/getsentry/sentry-go"
)

func TestSpotlight(t *testing.T) {
	if sentry.SDKVersion != "0.30.0" {
		t.Fatalf("sentry-go %s; want the last that profiles", sentry.SDKVersion)
	}
	Run(t)
}
