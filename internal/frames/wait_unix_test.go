//go:build unix

package frames_test

import "syscall"

// inKernel blocks in a system call outside the network poller until release is
// called.
func inKernel() (block, release func()) {
	var p [2]int
	if syscall.Pipe(p[:]) != nil {
		return nil, nil
	}
	return func() { syscall.Read(p[0], make([]byte, 1)) }, func() { syscall.Close(p[1]) }
}
