package procfs

import (
	"bytes"
	"fmt"
	"path/filepath"

	"github.com/leakguard/leakguard/internal/kernfile"
)

// Host reads the memory of the host.
type Host struct {
	meminfo *kernfile.File
	buf     []byte
}

// OpenHost opens /proc/meminfo below root, which is "/" except in tests.
func OpenHost(root string) (*Host, error) {
	f, err := kernfile.Open(filepath.Join(root, "proc/meminfo"))
	if err != nil {
		return nil, fmt.Errorf("procfs: open the host's memory: %w", err)
	}
	return &Host{meminfo: f, buf: make([]byte, bufSize)}, nil
}

// Read returns, in bytes, the memory that the kernel manages, and its estimate of
// what is available without swapping. A value is [Unknown] if the kernel does not
// provide it; available needs Linux 3.14. In a container both are still those of
// the whole host. Read allocates nothing unless it fails.
func (h *Host) Read() (total, available int64, err error) {
	n, err := h.meminfo.Read(h.buf)
	if err != nil {
		return Unknown, Unknown, fmt.Errorf("procfs: read the host's memory: %w", err)
	}
	total, available = parseMeminfo(h.buf[:n])
	if total == Unknown && available == Unknown {
		return Unknown, Unknown, fmt.Errorf("procfs: read the host's memory: %s holds %.40q, which has neither MemTotal nor MemAvailable", h.meminfo.Path(), h.buf[:n])
	}
	return total, available, nil
}

// Close closes the file. It can be called more than once. Read then fails with
// [io/fs.ErrClosed].
func (h *Host) Close() error {
	if err := h.meminfo.Close(); err != nil {
		return fmt.Errorf("procfs: close the host's memory: %w", err)
	}
	return nil
}

// HostMemory opens, reads and closes a [Host].
func HostMemory(root string) (total, available int64, err error) {
	h, err := OpenHost(root)
	if err != nil {
		return Unknown, Unknown, err
	}
	defer h.Close()
	return h.Read()
}

// BootID returns the identifier that the kernel generates at each boot, such as
// '1dc43bd4-8a5d-4bd5-a7f4-7d2b2f5f0c1e', or "" if there is none.
func BootID(root string) string {
	f, err := kernfile.Open(filepath.Join(root, "proc/sys/kernel/random/boot_id"))
	if err != nil {
		return ""
	}
	defer f.Close()
	buf := make([]byte, 64)
	n, err := f.Read(buf)
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(buf[:n]))
}
