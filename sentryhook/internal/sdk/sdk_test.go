package sdk

import (
	"crypto/x509"
	"net/http"
	"testing"

	"github.com/getsentry/sentry-go"
)

// This module requires v0.30.0, the last release that profiles.
func TestProfiles(t *testing.T) {
	if !Profiles {
		t.Fatalf("sentry-go %s profiles, and that is not found", sentry.SDKVersion)
	}
	o := sentry.ClientOptions{}
	if TakesProfiles(o) {
		t.Error("the zero options take profiles")
	}
	o.ProfilesSampleRate = 0.1
	if !TakesProfiles(o) {
		t.Error("options with a rate take none")
	}
	if HasProfile(&sentry.Event{}) {
		t.Error("an empty event has a profile")
	}
	e := &sentry.Event{Message: "kept", Tags: map[string]string{"a": "b"}}
	if got := WithoutProfile(e); got == e || got.Message != "kept" || got.Tags["a"] != "b" {
		t.Errorf("%+v became %+v", e, got)
	}
}

// As in the SDK, HTTPSProxy comes before HTTPProxy, whatever the scheme.
func TestHTTPTransport(t *testing.T) {
	r, err := http.NewRequest(http.MethodPost, "http://sentry.invalid", nil)
	if err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]sentry.ClientOptions{
		"http://one": {HTTPProxy: "http://one"},
		"http://two": {HTTPProxy: "http://one", HTTPSProxy: "http://two"},
	} {
		proxy, err := HTTPTransport(&o).(*http.Transport).Proxy(r)
		if err != nil || proxy.String() != want {
			t.Errorf("the proxy is %v (%v), want %s", proxy, err, want)
		}
	}
	pool := x509.NewCertPool()
	tr := HTTPTransport(&sentry.ClientOptions{CaCerts: pool}).(*http.Transport)
	if tr.TLSClientConfig.RootCAs != pool || tr.Proxy == nil {
		t.Error("CaCerts are not in use, or the proxies of the environment are not")
	}
}
