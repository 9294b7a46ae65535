package sdk

import (
	"cmp"
	"crypto/tls"
	"net/http"
	"net/url"

	"github.com/getsentry/sentry-go"
)

// HTTPTransport returns what sentry-go itself makes if the options have neither an
// HTTPClient nor an HTTPTransport. Its getProxyConfig and getTLSConfig, in transport.go,
// are the same in v0.30.0 and v0.50.0.
func HTTPTransport(o *sentry.ClientOptions) http.RoundTripper {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if proxy := cmp.Or(o.HTTPSProxy, o.HTTPProxy); proxy != "" {
		t.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy) }
	}
	if o.CaCerts != nil {
		t.TLSClientConfig = &tls.Config{RootCAs: o.CaCerts}
	}
	return t
}
