package sentryhook

import (
	"errors"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/sentryhook/internal/sdk"
)

// Configure puts a [Transport] into the options, around their way of sending: the
// HTTPClient, which is replaced by a copy, or the HTTPTransport, or what the SDK would
// build from HTTPProxy, HTTPSProxy and CaCerts. Call it after those are set, and before
// [sentry.Init] or [sentry.NewClient].
//
// ClientOptions.Transport may be nil or one of the SDK's own. Any other may not use what
// is set here.
//
// The error says what is wrong with cfg, or that the options already have a Transport of
// this package. The options are unchanged then.
func Configure(o *sentry.ClientOptions, cfg TransportConfig) (*Transport, error) {
	if o == nil {
		return nil, errors.New("sentryhook: Configure: the options are nil; pass those that the client is made with")
	}
	client := o.HTTPClient
	base := o.HTTPTransport
	switch {
	case client != nil:
		base = client.Transport // nil is http.DefaultTransport for both
	case base == nil:
		base = sdk.HTTPTransport(o)
	}
	if _, ok := base.(*Transport); ok {
		return nil, errors.New("sentryhook: Configure: the options have a sentryhook.Transport already; call Configure once")
	}
	t, err := NewTransport(base, cfg)
	if err != nil {
		return nil, err
	}
	if client != nil {
		// The SDK ignores HTTPTransport if there is a client. The client itself
		// belongs to the caller, who may use it for more than Sentry.
		wrapped := *client
		wrapped.Transport = t
		o.HTTPClient = &wrapped
		return t, nil
	}
	o.HTTPTransport = t
	return t, nil
}
