package service

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/leakguard/leakguard/guard"
)

// captures takes the two manual captures. It has a guard of its own, which has no rules:
// manual evidence would spare the other guard its own. A nil *captures does nothing.
type captures struct {
	guard *guard.Guard
}

func startCaptures(c Case) (*captures, error) {
	if *manual == "" {
		return nil, nil
	}
	g, err := guard.Start(guard.Config{Dir: *manual, Limit: max(c.Limit, 0), Rules: []guard.Rule{}})
	if err != nil {
		return nil, err
	}
	return &captures{g}, nil
}

func (m *captures) close() {
	if m != nil {
		m.guard.Close()
	}
}

func (m *captures) before(ctx context.Context) { m.capture(ctx, "before") }
func (m *captures) after(ctx context.Context)  { m.capture(ctx, "after") }

func (m *captures) capture(ctx context.Context, reason string) {
	if m == nil {
		return
	}
	for {
		i, err := m.guard.Capture(ctx, reason)
		slog.Info("captured", "why", reason, "folder", i.Folder, "error", err, "MiB", memory()>>20)
		if !errors.Is(err, guard.ErrBusy) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// half returns a channel that is closed when half of the headroom is used, or when two
// thirds of the time are over. It is nil without manual captures.
func (m *captures) half(c Case, left time.Duration) <-chan struct{} {
	if m == nil {
		return nil
	}
	now, late, reached := memory(), make(chan struct{}), make(chan struct{})
	time.AfterFunc(left*2/3, func() { close(late) })
	line := (now + c.Limit) / 2
	if c.Limit < 0 {
		line = 1 << 62 // the time decides
	}
	go func() {
		reach(line, late)
		close(reached)
	}()
	return reached
}
