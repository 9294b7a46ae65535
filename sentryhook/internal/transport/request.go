package transport

import (
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/leakguard/leakguard/sentryhook/internal/envelope"
)

// carriesEnvelope reports whether a request's body should be an envelope that we can
// read.
func carriesEnvelope(req *http.Request) bool {
	if req.Method != http.MethodPost || req.Body == nil || req.Body == http.NoBody || req.URL == nil {
		return false
	}
	if enc := req.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return false
	}
	media, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	return media == "application/x-sentry-envelope" || strings.HasSuffix(strings.TrimSuffix(req.URL.Path, "/"), "/envelope")
}

// project returns what the relay's limits apply to: the path names the project.
func project(req *http.Request) string { return req.URL.Host + req.URL.Path }

// request returns the request that is sent in place of req: the same with another
// body. A nil body stands for the one that came.
func request(req *http.Request, src *source, body *envelope.Payload) *http.Request {
	if body == nil {
		return withBody(req, src.read, src.size)
	}
	out := withBody(req, body.Open, body.Size)
	if body.Gzip {
		out.Header.Set("Content-Encoding", "gzip")
	}
	return out
}

// withBody returns the request with another body.
func withBody(req *http.Request, open func() io.ReadCloser, size int64) *http.Request {
	out := req.Clone(req.Context())
	out.Body = open()
	out.GetBody = func() (io.ReadCloser, error) { return open(), nil }
	out.ContentLength = size
	out.TransferEncoding = nil
	if out.Header.Get("Content-Length") != "" {
		out.Header.Del("Content-Length")
	}
	return out
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}
