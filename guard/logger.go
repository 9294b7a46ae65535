package guard

import (
	"context"
	"fmt"
	"log/slog"
)

// safeHandler keeps a panic of the host's log handler out of the guard's
// goroutines, where it would end the process. Wrapping it once is simpler than
// a recover at each line that is logged, some of which are themselves in a
// recover.
type safeHandler struct {
	slog.Handler
	counters *counters
}

func newSafeLogger(l *slog.Logger, c *counters) *slog.Logger {
	return slog.New(safeHandler{l.Handler(), c})
}

// recovered books a panic that is under way.
func (h safeHandler) recovered(then func(p any)) {
	if p := recover(); p != nil {
		h.counters.panics.Add(1)
		then(p)
	}
}

func (h safeHandler) Enabled(ctx context.Context, level slog.Level) (enabled bool) {
	defer h.recovered(func(any) { enabled = false })
	return h.Handler.Enabled(ctx, level)
}

func (h safeHandler) Handle(ctx context.Context, r slog.Record) (err error) {
	defer h.recovered(func(p any) { err = fmt.Errorf("guard: the log handler panicked: %v", p) })
	return h.Handler.Handle(ctx, r)
}

func (h safeHandler) WithAttrs(attrs []slog.Attr) (with slog.Handler) {
	defer h.recovered(func(any) { with = h })
	return safeHandler{h.Handler.WithAttrs(attrs), h.counters}
}

func (h safeHandler) WithGroup(name string) (with slog.Handler) {
	defer h.recovered(func(any) { with = h })
	return safeHandler{h.Handler.WithGroup(name), h.counters}
}
