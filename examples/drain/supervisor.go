package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/leakguard/leakguard/internal/cgroup/newgroup"
)

// supervisor keeps workers running: one in each place, replaced when it ends.
type supervisor struct {
	balancer *balancer
	drain    bool
	limit    int64
	soft     bool // no control groups: workers kill themselves
	dir      string

	left, killed atomic.Int64
	ended        func() // called after each worker
}

// keep runs one worker after the other until ctx ends. number identifies the place.
func (s *supervisor) keep(ctx context.Context, number int) (err error) {
	var group string
	if !s.soft {
		dirs, remove, makeErr := newgroup.Make(s.limit)
		if makeErr != nil {
			return makeErr
		}
		defer func() { err = errors.Join(err, remove()) }()
		group = dirs[0]
	}
	var last *backend // until its successor is ready, the balancer must notice that it is dead
	defer func() {
		if last != nil {
			s.balancer.remove(last)
		}
	}()
	for ctx.Err() == nil {
		w, err := s.start(number, group)
		if err != nil {
			return err
		}
		b := s.balancer.add(w.addr)
		if last != nil {
			s.balancer.remove(last)
		}
		last = b
		select {
		case <-w.ended:
		case <-b.drained:
		case <-ctx.Done():
		}
		stopped := ctx.Err() != nil
		err = w.stop()
		switch {
		case stopped:
		case err == nil:
			s.left.Add(1)
		case wasKilled(err):
			s.killed.Add(1)
		default:
			return fmt.Errorf("worker %d: %w", number, err)
		}
		if !stopped {
			s.ended()
		}
	}
	return nil
}

// process is a running worker.
type process struct {
	addr  string
	stdin io.Closer
	ended chan struct{} // closed once err is set
	err   error
}

func (s *supervisor) start(number int, group string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), envWorker+"="+filepath.Join(s.dir, strconv.Itoa(number)))
	if s.soft {
		cmd.Env = append(cmd.Env, envLimit+"="+strconv.FormatInt(s.limit, 10))
	} else {
		cmd.Env = append(cmd.Env, envGroup+"="+group)
	}
	if s.drain {
		cmd.Env = append(cmd.Env, envDrain+"=1")
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, readErr := bufio.NewReader(stdout).ReadString('\n')
	w := &process{addr: strings.TrimSpace(line), stdin: stdin, ended: make(chan struct{})}
	go func() { w.err = cmd.Wait(); close(w.ended) }()
	if readErr != nil {
		return nil, fmt.Errorf("worker %d did not start: %w", number, errors.Join(w.stop(), readErr))
	}
	return w, nil
}

// stop tells the worker to leave and waits until it has ended. It returns nil if
// the worker left by itself.
func (w *process) stop() error {
	// This fails if the worker is already dead.
	_ = w.stdin.Close()
	<-w.ended
	return w.err
}

// wasKilled reports whether the process was killed from outside.
func wasKilled(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() != faultCode
}
