package logqueue

import (
	"context"
	"log/slog"
	"strings"
	"testing"
)

// raw prints a record as a handler does that escapes nothing.
type raw struct{ out *strings.Builder }

func (raw) Enabled(context.Context, slog.Level) bool { return true }
func (r raw) Handle(_ context.Context, rec slog.Record) error {
	r.out.WriteString(rec.Message)
	rec.Attrs(func(a slog.Attr) bool { r.out.WriteString(" " + a.String()); return true })
	return nil
}
func (r raw) WithAttrs([]slog.Attr) slog.Handler { return r }
func (r raw) WithGroup(string) slog.Handler      { return r }

// A headline from a file that somebody else wrote must not steer the terminal.
func TestLinesArePrintable(t *testing.T) {
	var out strings.Builder
	q := New(raw{&out}, func(what any) { t.Error(what) })
	q.Logger().Warn("who leaks: \x1b[2J\nforged", "incident", "a\rb", "n", 7)
	if err := q.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), `who leaks: \x1b[2J forged incident=a\rb n=7`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
