// Package reports has a sink for the examples that wait for a report. It passes on
// the first incident that is explained.
package reports

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile/incident"
)

// First is a [guard.Sink]. Make one with a buffer of one incident.
type First chan guard.Incident

// Name returns the name of the sink.
func (First) Name() string { return "first-report" }

// Deliver keeps the incident of an explanation if there is room.
func (f First) Deliver(_ context.Context, e guard.Event) error {
	if e.Kind == guard.Explained && !e.Redelivered { // redelivered: of an earlier run
		select {
		case f <- e.Incident:
		default:
		}
	}
	return nil
}

// Wait waits for the incident and returns it with the text of its report.
func (f First) Wait(ctx context.Context) (guard.Incident, string, error) {
	select {
	case i := <-f:
		text, err := os.ReadFile(filepath.Join(i.Folder, incident.ReportText))
		return i, string(text), err
	case <-ctx.Done():
		return guard.Incident{}, "", fmt.Errorf("no report: %w", ctx.Err())
	}
}
