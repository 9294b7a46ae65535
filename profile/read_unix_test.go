//go:build linux || darwin || freebsd

package profile

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/leakguard/leakguard/internal/testenv"
)

// Opening a named pipe that nobody writes to once waited without end.
func TestReadFileRefusesAPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "heap.pb.gz")
	err := syscall.Mkfifo(pipe, 0o600)
	testenv.Need(t, err == nil, "needs named pipes")
	if _, err := ReadFile(pipe); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("got %v", err)
	}
}
