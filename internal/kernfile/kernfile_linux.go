package kernfile

import (
	"io/fs"
	"syscall"
)

// File is an open kernel file. It must be used by one goroutine at a time.
type File struct {
	fd   int // -1 when closed
	path string
}

// Open opens a file for reading.
func Open(path string) (*File, error) {
	for {
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		switch err {
		case nil:
			return &File{fd: fd, path: path}, nil
		case syscall.EINTR:
		default:
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

// Path returns the path that the file was opened with.
func (f *File) Path() string { return f.path }

// Read reads from the start of the file. The kernel returns the whole text at once,
// as far as it fits into buf. Read allocates nothing unless it fails.
func (f *File) Read(buf []byte) (int, error) {
	if f.fd < 0 {
		return 0, &fs.PathError{Op: "read", Path: f.path, Err: fs.ErrClosed}
	}
	for {
		n, err := syscall.Pread(f.fd, buf, 0)
		switch err {
		case nil:
			return n, nil
		case syscall.EINTR:
		default:
			return 0, &fs.PathError{Op: "read", Path: f.path, Err: err}
		}
	}
}

// Close closes the file. It can be called more than once. Read then fails with
// [fs.ErrClosed].
func (f *File) Close() error {
	if f.fd < 0 {
		return nil
	}
	fd := f.fd
	f.fd = -1
	if err := syscall.Close(fd); err != nil {
		return &fs.PathError{Op: "close", Path: f.path, Err: err}
	}
	return nil
}
