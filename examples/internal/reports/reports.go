// Package reports has what the examples share that wait for a report: a sink that
// hands over the first incident that is explained.
package reports

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile/incident"
)

// First is a [guard.Sink]; make one with room for an incident.
type First chan guard.Incident

// Name returns the sink's name.
func (First) Name() string { return "first-report" }

// Deliver keeps the incident of an explanation, if there is room.
func (f First) Deliver(_ context.Context, e guard.Event) error {
	if e.Kind == guard.Explained && !e.Redelivered { // redelivered: of an earlier run
		select {
		case f <- e.Incident:
		default:
		}
	}
	return nil
}

// Wait returns the incident and the text of its report.
func (f First) Wait(ctx context.Context) (guard.Incident, string, error) {
	select {
	case i := <-f:
		text, err := os.ReadFile(filepath.Join(i.Folder, incident.ReportText))
		return i, string(text), err
	case <-ctx.Done():
		return guard.Incident{}, "", fmt.Errorf("no report: %w", ctx.Err())
	}
}
