//go:build !linux

package kernfile

import (
	"errors"
	"io/fs"
)

// File lets the package compile on this system. Open never returns one.
type File struct{ path string }

// Open returns an error that wraps [errors.ErrUnsupported].
func Open(path string) (*File, error) {
	return nil, &fs.PathError{Op: "open", Path: path, Err: errors.ErrUnsupported}
}

// Path returns the file's path.
func (f *File) Path() string { return f.path }

// Read returns an error.
func (f *File) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.path, Err: errors.ErrUnsupported}
}

// Close does nothing.
func (f *File) Close() error { return nil }
