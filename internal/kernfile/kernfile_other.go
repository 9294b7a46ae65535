//go:build !linux

package kernfile

import (
	"errors"
	"io/fs"
)

// File exists so that the package compiles; Open makes none.
type File struct{ path string }

// Open returns an error: there are no such files here.
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
