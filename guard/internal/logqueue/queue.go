// Package logqueue puts a queue between loggers and a program's log handler. A handler is
// code of the program: it may block, panic, end its goroutine or call back. Lines wait in
// a bounded queue, and a separate goroutine passes them to the handler. If the queue is
// full, lines are dropped and counted.
package logqueue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leakguard/leakguard/internal/words"
)

// most is the capacity of the queue, more than the number of lines of an incident.
const most = 256

// Queue passes log lines to a handler, one at a time and in order. Its goroutine exists
// only while there are lines.
type Queue struct {
	host  slog.Handler
	fault func(what any)

	dropped atomic.Int64

	mu     sync.Mutex
	lines  []line
	done   chan struct{} // closed when the goroutine ends; nil: not running
	closed bool
}

// line is a log line with the attributes and groups of its logger.
type line struct {
	ctx    context.Context
	record slog.Record
	with   []step
}

// step is one call of WithGroup or WithAttrs.
type step struct {
	group string // "": attrs
	attrs []slog.Attr
}

// New returns a queue for the handler. fault is called on the queue's goroutine each time
// the handler panics or ends its goroutine. It must not block.
func New(host slog.Handler, fault func(what any)) *Queue {
	return &Queue{host: host, fault: fault}
}

// Logger returns a logger whose lines go through the queue. None of its methods
// calls the handler, not even to ask whether a level is enabled.
func (q *Queue) Logger() *slog.Logger { return slog.New(handler{q: q}) }

// Dropped returns the number of dropped lines.
func (q *Queue) Dropped() int64 { return q.dropped.Load() }

// put queues a line, or drops and counts it.
func (q *Queue) put(l line) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.lines) == most {
		q.dropped.Add(1)
		return
	}
	q.lines = append(q.lines, l)
	if q.done == nil {
		q.done = make(chan struct{})
		go q.run()
	}
}

// run is the queue's goroutine. If the handler ends it by runtime.Goexit, another one is
// started.
func (q *Queue) run() {
	through := false
	defer func() {
		if !through {
			q.fault(errors.New("the log handler has ended its goroutine"))
			go q.run()
		}
	}()
	for {
		l, ok := q.take()
		if !ok {
			through = true
			return
		}
		q.hand(l)
	}
}

// take returns the oldest line. If there is none, it marks the goroutine as ended and
// returns false.
func (q *Queue) take() (l line, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.lines) == 0 {
		q.lines = nil
		close(q.done)
		q.done = nil
		return line{}, false
	}
	l = q.lines[0]
	q.lines[0] = line{}
	q.lines = q.lines[1:]
	return l, true
}

// hand passes a line to the handler.
func (q *Queue) hand(l line) {
	defer func() {
		if p := recover(); p != nil {
			q.fault(p)
		}
	}()
	h := q.host
	for _, s := range l.with {
		if s.group != "" {
			h = h.WithGroup(s.group)
		} else {
			h = h.WithAttrs(s.attrs)
		}
	}
	if h.Enabled(l.ctx, l.record.Level) {
		_ = h.Handle(l.ctx, l.record) // there is nowhere to report an error
	}
}

// grace is the time for the last lines if ctx is already done.
const grace = 20 * time.Millisecond

// Close waits until the queued lines are written or ctx is done. Further lines are
// dropped. The error says what is stuck.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	q.closed = true
	done := q.done
	q.mu.Unlock()
	if done == nil {
		return nil
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-timer.C:
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(q.lines); n > 0 {
		return fmt.Errorf("the log handler has not returned, and %d lines are waiting for it", n)
	}
	return errors.New("the log handler has not returned")
}

// handler is the handler of a queue's loggers.
type handler struct {
	q    *Queue
	with []step
}

func (handler) Enabled(context.Context, slog.Level) bool { return true }

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	h.q.put(line{ctx, printable(r), h.with})
	return nil
}

// printable escapes what a terminal would obey in the texts of a record. They may come
// from a file that somebody else wrote, and not every handler escapes them.
func printable(r slog.Record) slog.Record {
	r.Message = words.Printable(r.Message)
	clean := true
	r.Attrs(func(a slog.Attr) bool {
		clean = a.Value.Kind() != slog.KindString || words.Printable(a.Value.String()) == a.Value.String()
		return clean
	})
	if clean {
		return r
	}
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		if a.Value.Kind() == slog.KindString {
			a.Value = slog.StringValue(words.Printable(a.Value.String()))
		}
		out.AddAttrs(a)
		return true
	})
	return out
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	return handler{h.q, append(h.with[:len(h.with):len(h.with)], step{attrs: attrs})}
}

func (h handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return handler{h.q, append(h.with[:len(h.with):len(h.with)], step{group: name})}
}
