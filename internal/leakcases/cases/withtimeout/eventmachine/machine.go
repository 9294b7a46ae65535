// Package eventmachine groups spans by trace and releases whole traces.
package eventmachine

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

var errTimeout = errors.New("eventmachine: timed out")

type span struct {
	ID, Name string
	Attrs    [6]string
}

type trace struct {
	id    string
	spans []*span
}

// Machine releases traces to the next consumer.
type Machine struct {
	timeout time.Duration
	done    atomic.Int64
}

// New returns a machine that gives each release the time given.
func New(timeout time.Duration) *Machine { return &Machine{timeout: timeout} }

// Release reads a trace from the storage and passes it on.
func (m *Machine) Release(id string) {
	go func() {
		t, err := withTimeout(m.timeout, func() (*trace, error) { return m.load(id) })
		if err != nil {
			slog.Debug("not released", "trace", id, "error", err)
			return
		}
		m.done.Add(int64(len(t.spans)))
	}()
}

// withTimeout runs do and waits for its result for at most the time given.
func withTimeout[T any](timeout time.Duration, do func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result)
	go func() {
		v, err := do()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-time.After(timeout):
		var zero T
		return zero, errTimeout
	}
}

// load reads a trace from a storage that has become slow.
func (m *Machine) load(id string) (*trace, error) {
	time.Sleep(6 * m.timeout)
	t := &trace{id: id}
	for i := range 200 {
		s := &span{ID: fmt.Sprintf("%s/%d", id, i), Name: "operation"}
		for a := range s.Attrs {
			s.Attrs[a] = fmt.Sprintf("attribute %d of %s", a, id)
		}
		t.spans = append(t.spans, s)
	}
	return t, nil
}
