package transport

import (
	"log/slog"
	"sync"
	"time"
)

// losses logs each kind of loss at most once a minute.
type losses struct {
	logger *slog.Logger
	mu     sync.Mutex
	last   map[string]time.Time // by message; there are only a few
}

func newLosses(logger *slog.Logger) *losses {
	return &losses{logger: logger, last: make(map[string]time.Time)}
}

func (l *losses) warn(msg string, args ...any) {
	now := time.Now()
	l.mu.Lock()
	quiet := now.Sub(l.last[msg]) < time.Minute
	if !quiet {
		l.last[msg] = now
	}
	l.mu.Unlock()
	if !quiet {
		l.logger.Warn("leakguard: sentryhook: "+msg, args...)
	}
}
