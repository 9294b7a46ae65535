//go:build linux || darwin || freebsd

package profile

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Opening a named pipe that nobody writes to once waited without end.
func TestReadFileRefusesAPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "heap.pb.gz")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip("no named pipes here:", err)
	}
	if _, err := ReadFile(pipe); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("got %v", err)
	}
}
