package sentryhook

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"

	"github.com/getsentry/sentry-go"
)

// Configure puts a [Transport] into the options, around whatever they say of
// how to send: the HTTPClient, of which it sets a copy, or the HTTPTransport, or
// what the SDK would have built from HTTPProxy, HTTPSProxy and CaCerts. Call it
// after those are set, and before [sentry.Init] or [sentry.NewClient].
//
// ClientOptions.Transport may be nil or one of the SDK's own; another one may
// not use what is set here.
//
// The error says what is wrong with cfg, or that the options have a Transport
// of this package already; the options are unchanged then.
func Configure(o *sentry.ClientOptions, cfg TransportConfig) (*Transport, error) {
	if o == nil {
		return nil, errors.New("sentryhook: Configure: the options are nil: want those that the client is made with")
	}
	client := o.HTTPClient
	base := o.HTTPTransport
	switch {
	case client != nil:
		base = client.Transport // nil: http.DefaultTransport, to both
	case base == nil:
		base = sdkTransport(o)
	}
	if _, ok := base.(*Transport); ok {
		return nil, errors.New("sentryhook: Configure: the options have a sentryhook.Transport already: call it once")
	}
	t, err := NewTransport(base, cfg)
	if err != nil {
		return nil, err
	}
	if client != nil {
		// The SDK ignores HTTPTransport beside a client. The client itself is
		// the caller's, who may use it for more than Sentry.
		wrapped := *client
		wrapped.Transport = t
		o.HTTPClient = &wrapped
		return t, nil
	}
	o.HTTPTransport = t
	return t, nil
}

// sdkTransport returns what sentry-go makes itself where no transport is given:
// getProxyConfig and getTLSConfig in its transport.go, the same in v0.30.0 and
// v0.50.0.
func sdkTransport(o *sentry.ClientOptions) http.RoundTripper {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment}
	proxy := o.HTTPSProxy
	if proxy == "" {
		proxy = o.HTTPProxy
	}
	if proxy != "" {
		t.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy) }
	}
	if o.CaCerts != nil {
		t.TLSClientConfig = &tls.Config{RootCAs: o.CaCerts}
	}
	return t
}
