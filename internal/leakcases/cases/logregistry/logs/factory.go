// Package logs makes loggers that keep what was logged at the debug level until
// something goes wrong.
package logs

import (
	"bytes"
	"io"
	"sync"

	"github.com/sirupsen/logrus"
)

// Factory makes loggers.
type Factory struct {
	mu     sync.Mutex
	hooked map[*logrus.Logger]bool
}

// NewFactory returns a factory.
func NewFactory() *Factory { return &Factory{hooked: map[*logrus.Logger]bool{}} }

// ForRequest returns the logger of one request.
func (f *Factory) ForRequest(trace string) *logrus.Logger {
	l := logrus.New()
	l.SetOutput(io.Discard)
	l.SetLevel(logrus.DebugLevel)
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.hooked[l] {
		l.AddHook(&backlog{trace: trace, lines: bytes.NewBuffer(make([]byte, 0, 32<<10))})
		f.hooked[l] = true
	}
	return l
}

// backlog is a hook that has the last lines ready.
type backlog struct {
	trace string
	lines *bytes.Buffer
}

func (*backlog) Levels() []logrus.Level { return logrus.AllLevels }

func (b *backlog) Fire(e *logrus.Entry) error {
	line, err := e.Bytes()
	if err != nil {
		return err
	}
	if b.lines.Len()+len(line) > b.lines.Cap() {
		b.lines.Reset()
	}
	b.lines.WriteString(b.trace)
	b.lines.Write(line)
	return nil
}

// Forget forgets which loggers have the hook.
func (f *Factory) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hooked = map[*logrus.Logger]bool{}
}
