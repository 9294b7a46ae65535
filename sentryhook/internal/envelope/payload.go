package envelope

import (
	"context"
	"io"
	"math"
	"net/http"
	"sync"
)

// Source is the body that came. It is read again for each request, so that nothing
// has to hold it.
type Source interface {
	// Use calls f with the body, which f must neither keep nor change.
	Use(f func(p []byte) error) error
}

// Payload is a body to be sent.
type Payload struct {
	Size int64
	Gzip bool
	// Open returns the body. Each returned one must be closed.
	Open func() io.ReadCloser
}

// heldBytes is how much of a body may be held in memory while it is sent, given
// the size of the one that came. A larger body is written again for each reader.
func heldBytes(came int) int64 { return int64(came)/32 + 128<<10 }

// writeTo returns a function that writes the envelope.
func (e *envelope) writeTo(p []byte) func(io.Writer) error {
	return func(w io.Writer) error { return e.write(p, w) }
}

// payload returns the body of the envelope that was made to fit; nil stands for the
// body as it came.
func (f *Fitting) payload(src Source) *Payload {
	e := f.envelope
	write := func(w io.Writer) error {
		return src.Use(func(p []byte) error { return e.write(p, w) })
	}
	c := f.encoded
	switch {
	case c != nil && c.whole():
		return &Payload{c.n, true, c.open}
	case c != nil:
		// The compressor is deterministic, so the size is known.
		level := f.encodedLevel
		return written(c.n, true, func(w io.Writer) error {
			// Closing the body ends it.
			return compress(context.Background(), level, w, write)
		})
	case !f.changed():
		return nil
	}
	c = &chunks{keep: heldBytes(len(f.p)), most: math.MaxInt64}
	if f.size(f.p) > c.keep {
		return written(f.size(f.p), false, write)
	}
	f.write(f.p, c) // cannot fail below most
	return &Payload{c.n, false, c.open}
}

// written returns a payload that is written anew for each reader, and held nowhere.
func written(size int64, gzip bool, write func(io.Writer) error) *Payload {
	return &Payload{size, gzip, func() io.ReadCloser { return &writtenBody{write: write} }}
}

// writtenBody reads what a function writes. The function runs in its own goroutine,
// from the first Read until it ends or until Close, which every RoundTripper must
// call.
type writtenBody struct {
	write func(io.Writer) error
	mu    sync.Mutex
	pipe  *io.PipeReader
	ended bool
}

func (b *writtenBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	if b.ended {
		b.mu.Unlock()
		return 0, http.ErrBodyReadAfterClose
	}
	if b.pipe == nil {
		r, w := io.Pipe()
		b.pipe = r
		go func() { w.CloseWithError(Recovered(func() error { return b.write(w) })) }()
	}
	pipe := b.pipe
	b.mu.Unlock()
	return pipe.Read(p)
}

func (b *writtenBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	if b.pipe != nil {
		return b.pipe.Close()
	}
	return nil
}
