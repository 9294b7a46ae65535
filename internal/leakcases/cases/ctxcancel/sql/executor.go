// Package sql runs statements.
package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

type sessionKey struct{}

// sessionData are the settings and the scratch space of one statement.
type sessionData struct {
	stmt    string
	vars    map[string]string
	scratch []byte
}

// planner carries a statement through its phases.
type planner struct {
	ctx    context.Context
	cancel context.CancelFunc
	data   *sessionData
}

// Executor runs statements until stop is done.
type Executor struct{ stop context.Context }

// NewExecutor returns an executor that lives as long as stop.
func NewExecutor(stop context.Context) *Executor { return &Executor{stop} }

// Exec runs one statement.
func (e *Executor) Exec(stmt string) ([]string, error) {
	p := &planner{data: newSessionData(stmt)}
	p.ctx, p.cancel = context.WithCancel(context.WithValue(e.stop, sessionKey{}, p.data))
	rows, err := p.run()
	if err != nil {
		p.cancel()
		return nil, fmt.Errorf("sql: %w", err)
	}
	return rows, nil
}

func newSessionData(stmt string) *sessionData {
	d := &sessionData{stmt: stmt, vars: map[string]string{}, scratch: make([]byte, 0, 32<<10)}
	for _, v := range []string{"timezone", "search_path", "application_name", "datestyle", "isolation"} {
		d.vars[v] = strings.Repeat(v, 4)
	}
	return d
}

func (p *planner) run() ([]string, error) {
	if p.data.stmt == "" {
		return nil, errors.New("empty statement")
	}
	rows := make([]string, 0, 64)
	for i := range 64 {
		if err := p.ctx.Err(); err != nil {
			return nil, err
		}
		p.data.scratch = fmt.Appendf(p.data.scratch, "%-480s %8d\n", p.data.stmt, i) // a wide row
		rows = append(rows, p.data.stmt)
	}
	return rows, nil
}
