package blobsink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"
)

// store is an object store that counts, and that fails on demand. An object is
// there whole or not at all, and a write can be made conditional on the object's
// absence.
type store struct {
	driver.Bucket // methods that a sink does not use are nil

	mu       sync.Mutex
	objects  map[string][]byte
	order    []string // names in the order of writing
	refused  int      // conditional writes that found an object
	reads    int
	received int64 // bytes, including refused writes
	// fail is called before each read and write. If it is nil, nothing fails.
	fail func(op, key string) error
}

func newStore() *store { return &store{objects: make(map[string][]byte)} }

func (s *store) bucket() *blob.Bucket { return blob.NewBucket(s) }

var (
	errRefused  = errors.New("there is such an object")
	errNoObject = errors.New("there is no such object")
	errDenied   = errors.New("access denied")
	errBusy     = errors.New("slow down")
)

func (s *store) ErrorCode(err error) gcerrors.ErrorCode {
	switch {
	case errors.Is(err, errRefused):
		return gcerrors.FailedPrecondition
	case errors.Is(err, errNoObject):
		return gcerrors.NotFound
	case errors.Is(err, errDenied):
		return gcerrors.PermissionDenied
	}
	return gcerrors.Unknown
}

func (s *store) ErrorAs(error, any) bool { return false }
func (s *store) As(any) bool             { return false }
func (s *store) Close() error            { return nil }

func (s *store) may(op, key string) error {
	if s.fail == nil {
		return nil
	}
	return s.fail(op, key)
}

func (s *store) NewTypedWriter(ctx context.Context, key, _ string, opts *driver.WriterOptions) (driver.Writer, error) {
	return &writer{store: s, ctx: ctx, key: key, conditional: opts.IfNotExist}, nil
}

type writer struct {
	bytes.Buffer
	store       *store
	ctx         context.Context
	key         string
	conditional bool
}

func (w *writer) Close() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	s := w.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.may("write", w.key); err != nil {
		return err
	}
	s.received += int64(w.Len())
	if _, ok := s.objects[w.key]; ok && w.conditional {
		s.refused++
		return errRefused
	}
	s.objects[w.key] = w.Bytes()
	s.order = append(s.order, w.key)
	return s.may("answer", w.key)
}

func (s *store) NewRangeReader(_ context.Context, key string, offset, length int64, opts *driver.ReaderOptions) (driver.Reader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if err := s.may("read", key); err != nil {
		return nil, err
	}
	data, ok := s.objects[key]
	if !ok {
		return nil, errNoObject
	}
	if offset != 0 || length >= 0 {
		return nil, fmt.Errorf("a range of %s", key)
	}
	if opts.BeforeRead != nil {
		if err := opts.BeforeRead(func(any) bool { return false }); err != nil {
			return nil, err
		}
	}
	return &reader{Reader: bytes.NewReader(data), size: int64(len(data))}, nil
}

type reader struct {
	io.Reader
	size int64
}

func (r *reader) Close() error { return nil }
func (r *reader) As(any) bool  { return false }
func (r *reader) Attributes() *driver.ReaderAttributes {
	return &driver.ReaderAttributes{Size: r.size, ModTime: time.Now()}
}

// places returns the places for which the store has the file.
func (s *store) places(file string) (list []string) {
	for key := range s.objects {
		if place, ok := strings.CutSuffix(key, "/"+file); ok {
			list = append(list, place)
		}
	}
	return list
}
