// Package route proxies requests to outbounds.
package route

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"
)

// Metadata is what is known of a flow.
type Metadata struct {
	Source, Host string
	Sniffed      []byte
	Began        time.Time
}

type metadataKey struct{}

// Router sends each request through the outbound.
type Router struct {
	ctx      context.Context
	outbound *httputil.ReverseProxy
	reused   atomic.Int64
}

// New returns a router that works until ctx ends.
func New(ctx context.Context, target *url.URL) *Router {
	r := &Router{ctx: ctx}
	r.outbound = &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.SetXForwarded()
		},
		ModifyResponse: func(resp *http.Response) error {
			if m, ok := resp.Request.Context().Value(metadataKey{}).(*Metadata); ok {
				resp.Header.Set("X-Took", time.Since(m.Began).String())
			}
			return nil
		},
	}
	return r
}

// sniff looks at the beginning of the body.
func sniff(body io.Reader) ([]byte, io.Reader) {
	b := bufio.NewReaderSize(body, 8<<10)
	head, _ := b.Peek(8 << 10)
	return bytes.Clone(head), b
}

// ServeHTTP proxies a request.
func (r *Router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	m := &Metadata{Source: req.RemoteAddr, Host: req.Host, Began: time.Now()}
	head, body := sniff(req.Body)
	m.Sniffed = head
	ctx, cancel := context.WithCancel(context.WithValue(r.ctx, metadataKey{}, m))
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		if i.Reused {
			r.reused.Add(1)
		}
	}})
	// The outbound is to finish what it has begun, also if the client goes.
	out := req.WithContext(ctx)
	out.Body = io.NopCloser(body)
	defer func() {
		if recover() != nil {
			cancel()
		}
	}()
	r.outbound.ServeHTTP(w, out)
}
