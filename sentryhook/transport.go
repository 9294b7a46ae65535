package sentryhook

import (
	"net/http"

	"github.com/leakguard/leakguard/sentryhook/internal/transport"
)

// Transport is an [http.RoundTripper] for [sentry.ClientOptions.HTTPTransport].
// It makes envelopes fit what proxies and Relay accept; see the package's
// documentation. It may be used by several goroutines.
type Transport struct{ room *transport.Transport }

// NewTransport returns a transport that sends with base, nil for
// [http.DefaultTransport]. The error names every fault of the configuration.
//
// [Configure] is the shorter way. It also keeps the proxies and certificates of the
// options, which the SDK ignores once a transport is set.
func NewTransport(base http.RoundTripper, cfg TransportConfig) (*Transport, error) {
	room, err := transport.New(base, transport.Config(cfg))
	if err != nil {
		return nil, err
	}
	return &Transport{room}, nil
}

// RoundTrip sends a request. An envelope is made to fit first, in a request of its
// own: the given request is not changed. A request that does not carry a well-formed
// envelope is passed on as it is.
//
// Contrary to the rules of [http.RoundTripper], it reads the response. If that says
// that the body was too large, the envelope is sent again with less, at most twice:
// compressed or without its profile, then without its attachments. The last response is
// returned. The SDKs do not retry, so the transaction would be lost otherwise.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.room.RoundTrip(req)
}

// CloseIdleConnections closes the idle connections of the transport below, if that can do
// so; [http.Client.CloseIdleConnections] calls it.
func (t *Transport) CloseIdleConnections() { t.room.CloseIdleConnections() }

// Stats returns what has been done so far.
func (t *Transport) Stats() TransportStats { return transportStats(t.room.Stats()) }
