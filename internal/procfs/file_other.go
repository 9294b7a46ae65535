//go:build !linux

package procfs

import (
	"errors"
	"io/fs"
)

// file exists so that the package compiles; Open fails before it makes one.
type file struct{ path string }

func openFile(path string) (*file, error) {
	return nil, &fs.PathError{Op: "open", Path: path, Err: errors.ErrUnsupported}
}

func (f *file) read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.path, Err: errors.ErrUnsupported}
}

func (f *file) close() error { return nil }
