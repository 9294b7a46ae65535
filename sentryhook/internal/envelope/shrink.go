package envelope

import (
	"compress/gzip"
	"context"
	"io"
)

const (
	// leastSampled is the smallest payload of which a sample is compressed first: half of
	// it.
	leastSampled = 64 << 10
	samplePieces = 8
	samplePiece  = 4 << 10
)

// sampleItems finds the items that compression cannot make smaller. It would take them at
// 70 MB/s, and for nothing.
func (f *Fitting) sampleItems() {
	if f.sampled || !f.budgets.Gzip {
		return
	}
	f.sampled = true
	for i := range f.items {
		it := &f.items[i]
		if it.compaction == nil && it.payload.Len() >= leastSampled {
			it.noise = isNoise(it.payload.Of(f.p))
		}
	}
}

// isNoise reports whether compression would save less than a twentieth of a payload, as
// far as pieces from all over it tell.
func isNoise(p []byte) bool {
	zw := borrowGzip(gzipLevel)
	defer returnGzip(zw, gzipLevel)
	var n counter
	zw.Reset(&n)
	for i := range samplePieces {
		at := i * (len(p) - samplePiece) / (samplePieces - 1)
		zw.Write(p[at : at+samplePiece]) // a counter takes everything
	}
	zw.Close()
	return n > samplePieces*samplePiece*19/20
}

type counter int64

func (n *counter) Write(b []byte) (int, error) {
	*n += counter(len(b))
	return len(b), nil
}

// shrinks reports whether compression may make the envelope as small as most bytes.
func (f *Fitting) shrinks(most int64) bool {
	if !f.budgets.Gzip || f.size(f.p) < leastGzip {
		return false
	}
	f.sampleItems()
	noise := int64(0)
	for i := range f.items {
		if it := &f.items[i]; it.noise && !it.gone {
			noise += it.size()
		}
	}
	return noise <= most
}

// level is the level at which the envelope is compressed. Beside what does not shrink it
// is the fastest, which skips that at 500 MB/s.
func (f *Fitting) level() int {
	for i := range f.items {
		if it := &f.items[i]; it.noise && !it.gone {
			return gzip.BestSpeed
		}
	}
	return gzipLevel
}

// pieceWriter writes in pieces, and ends between two of them once its context is done.
type pieceWriter struct {
	ctx context.Context
	to  io.Writer
}

func (w pieceWriter) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if err := w.ctx.Err(); err != nil {
			return n, err
		}
		k, err := w.to.Write(p[n:min(n+64<<10, len(p))])
		n += k
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
