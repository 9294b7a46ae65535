//go:build !linux

package procfs

import (
	"errors"
	"testing"
)

func TestOpenElsewhere(t *testing.T) {
	if p, err := Open("/"); p != nil || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Open: %v, %v; want errors.ErrUnsupported", p, err)
	}
	if total, available, err := HostMemory("/"); total != Unknown || available != Unknown || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("HostMemory: %d, %d, %v; want errors.ErrUnsupported", total, available, err)
	}
	if id := BootID("/"); id != "" {
		t.Errorf("BootID: %q", id)
	}
}
