package envelope

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"slices"
)

// leastGzip is the smallest body that is compressed. For a smaller one, gzip's own
// header weighs as much as is saved.
const leastGzip = 512

// gzipLevel makes a profile 8% larger than the default level does, in less than half
// the time. Speed counts, because what turns out too large was compressed in vain.
const gzipLevel = 2

// spareGzip keeps one gzip.Writer of each level in use, which allocates up to 1.2 MB:
// envelopes are mostly sent one after the other. A sync.Pool would drop it at any
// collection, and what a request allocates would be a matter of luck.
var spareGzip = map[int]chan *gzip.Writer{
	gzip.BestSpeed: make(chan *gzip.Writer, 1),
	gzipLevel:      make(chan *gzip.Writer, 1),
}

func borrowGzip(level int) *gzip.Writer {
	select {
	case zw := <-spareGzip[level]:
		return zw
	default:
		zw, _ := gzip.NewWriterLevel(nil, level) // fails for other levels only
		return zw
	}
}

func returnGzip(zw *gzip.Writer, level int) {
	zw.Reset(nil) // so that it does not hold what it wrote to
	select {
	case spareGzip[level] <- zw:
	default:
	}
}

var errTooMuch = errors.New("sentryhook: more than the budget")

// chunks collects what is written to it up to a bound, counts it up to another, and
// fails beyond that. It keeps pieces, because one slice would be copied each time that
// it grows.
type chunks struct {
	pieces net.Buffers
	n      int64 // bytes written
	keep   int64 // beyond this nothing is kept
	most   int64 // beyond this Write fails with errTooMuch
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
			// Most bodies are small: start with 1 KB.
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

// whole reports whether everything that was written is kept.
func (c *chunks) whole() bool { return c.n <= c.keep }

func (c *chunks) open() io.ReadCloser {
	b := slices.Clone(c.pieces)
	return io.NopCloser(&b)
}

// compress writes to w what write writes, compressed at a level. It ends early once ctx
// is done.
func compress(ctx context.Context, level int, w io.Writer, write func(io.Writer) error) error {
	zw := borrowGzip(level)
	defer returnGzip(zw, level)
	zw.Reset(w)
	if err := write(pieceWriter{ctx, zw}); err != nil {
		return err
	}
	return zw.Close()
}
