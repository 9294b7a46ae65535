package transport

import (
	"bytes"
	"errors"
	"io"
	"net/http"
)

var errPieces = errors.New("sentryhook: the body does not come in one piece")

// source gives a request's body as one slice, as often as it is asked.
//
// The SDKs' bodies are in memory already, and may have tens of megabytes. A
// bytes.Reader passes all of them to a single Write, so they are read within that
// Write and not copied. io.Writer forbids keeping them.
type source struct {
	size int64
	open func() (io.ReadCloser, error)
	buf  []byte // instead of open
}

// newSource returns the source of a request's body. It returns nil if the body needs a
// buffer and is larger than that may be; rest is then the body, whole.
func newSource(req *http.Request, buffer int64) (src *source, rest io.ReadCloser, err error) {
	if req.GetBody != nil && req.ContentLength > 0 {
		src = &source{size: req.ContentLength, open: req.GetBody}
		err := src.Use(func([]byte) error { return nil })
		if err == nil {
			return src, nil, nil
		}
		if !errors.Is(err, errPieces) {
			return nil, nil, err
		}
	}
	if req.ContentLength > buffer {
		return nil, req.Body, nil
	}
	var b bytes.Buffer
	if req.ContentLength > 0 {
		b.Grow(int(req.ContentLength) + bytes.MinRead)
	}
	if _, err := b.ReadFrom(io.LimitReader(req.Body, buffer+1)); err != nil {
		return nil, nil, err
	}
	if int64(b.Len()) > buffer {
		return nil, &resumedBody{io.MultiReader(&b, req.Body), req.Body}, nil
	}
	return &source{size: int64(b.Len()), buf: b.Bytes()}, nil, nil
}

// resumedBody is a body whose beginning has been read already.
type resumedBody struct {
	io.Reader
	io.Closer
}

// read returns the body to be sent as it is.
func (s *source) read() io.ReadCloser {
	if s.open == nil {
		return io.NopCloser(bytes.NewReader(s.buf))
	}
	r, err := s.open()
	if err != nil {
		return io.NopCloser(failingReader{err})
	}
	return r
}

// Use calls f with the body, which f must neither keep nor change.
func (s *source) Use(f func(p []byte) error) error {
	if s.open == nil {
		return f(s.buf)
	}
	r, err := s.open()
	if err != nil {
		return err
	}
	defer r.Close()
	wt, ok := r.(io.WriterTo)
	if !ok {
		return errPieces
	}
	w := &wholeWriter{size: s.size, f: f}
	_, err = wt.WriteTo(w)
	if err == nil && !w.called {
		err = errPieces
	}
	return err
}

// wholeWriter calls f with the bytes of its first Write, if those are all.
type wholeWriter struct {
	size   int64
	f      func([]byte) error
	called bool
}

func (w *wholeWriter) Write(p []byte) (int, error) {
	if w.called || int64(len(p)) != w.size {
		return 0, errPieces
	}
	w.called = true
	if err := w.f(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// WriteString refuses the string of a strings.Reader, which would have to be copied.
func (w *wholeWriter) WriteString(string) (int, error) { return 0, errPieces }
