package sentryhook

import (
	"compress/gzip"
	"errors"
	"io"
	"net"
	"slices"
)

// Under this nothing is compressed: the headers weigh as much.
const leastGzip = 512

// gzipLevel takes 8% more bytes than the default level on a profile, and less
// than half of its time: what turns out too large was compressed for nothing.
const gzipLevel = 2

// spareGzip keeps one gzip.Writer, which takes 0.8 MB to make: envelopes mostly
// go one after the other. A sync.Pool would let go of it at any time, and what a
// request allocates would be a matter of luck.
var spareGzip = make(chan *gzip.Writer, 1)

func borrowGzip() *gzip.Writer {
	select {
	case zw := <-spareGzip:
		return zw
	default:
		zw, _ := gzip.NewWriterLevel(nil, gzipLevel) // fails for other levels only
		return zw
	}
}

func returnGzip(zw *gzip.Writer) {
	zw.Reset(nil) // lets go of what it wrote to
	select {
	case spareGzip <- zw:
	default:
	}
}

var errTooMuch = errors.New("sentryhook: more than the budget")

// chunks collects what is written to it, up to a bound; beyond it only counts,
// up to another where it fails. It keeps pieces rather than one slice that grows
// by being copied.
type chunks struct {
	pieces net.Buffers
	n      int64 // bytes written
	keep   int64 // as many are kept
	most   int64 // more is errTooMuch
}

const chunkBytes = 32 << 10

func (c *chunks) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	if c.n > c.most {
		return 0, errTooMuch
	}
	if c.n > c.keep {
		c.pieces = nil
		return len(b), nil
	}
	for rest := b; len(rest) > 0; {
		last := len(c.pieces) - 1
		if last < 0 || len(c.pieces[last]) == cap(c.pieces[last]) {
			// Small bodies are most of them: grow from 1 KB.
			size := min(chunkBytes, 1<<10<<min(len(c.pieces), 5))
			c.pieces = append(c.pieces, make([]byte, 0, size))
			last++
		}
		piece := c.pieces[last]
		room := piece[len(piece):cap(piece)]
		n := copy(room, rest)
		c.pieces[last] = piece[:len(piece)+n]
		rest = rest[n:]
	}
	return len(b), nil
}

// whole reports whether nothing was only counted.
func (c *chunks) whole() bool { return c.n <= c.keep }

func (c *chunks) open() io.ReadCloser {
	b := slices.Clone(c.pieces)
	return io.NopCloser(&b)
}

// compress writes what write writes to w, compressed by zw.
func compress(zw *gzip.Writer, w io.Writer, write func(io.Writer) error) error {
	zw.Reset(w)
	if err := write(zw); err != nil {
		return err
	}
	return zw.Close()
}
