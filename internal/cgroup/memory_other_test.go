//go:build !linux

package cgroup

import (
	"errors"
	"testing"
)

func TestOpenElsewhere(t *testing.T) {
	if m, err := Open("/"); m != nil || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Open: %v, %v; want errors.ErrUnsupported", m, err)
	}
}
