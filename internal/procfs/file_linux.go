package procfs

import (
	"io/fs"
	"syscall"
)

// file is a kernel file that stays open and is read from its start each time.
//
// It is no os.File, whose ReadAt asks a second time to see the end of the file,
// for which the kernel makes the whole text again (1.2 instead of 0.9 µs for
// statm).
type file struct {
	fd   int // -1 when closed
	path string
}

func openFile(path string) (*file, error) {
	for {
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		switch err {
		case nil:
			return &file{fd: fd, path: path}, nil
		case syscall.EINTR:
		default:
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

// read reads from the start of the file. The kernel gives the whole text at
// once, as far as it fits.
func (f *file) read(buf []byte) (int, error) {
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

func (f *file) close() error {
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
