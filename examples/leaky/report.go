package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile/incident"
)

// events is a sink that passes on the events of this process.
type events chan guard.Event

func (events) Name() string { return "leaky" }

func (c events) Deliver(ctx context.Context, e guard.Event) error {
	if e.Redelivered { // of an earlier run
		return nil
	}
	select {
	case c <- e:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// first waits for the first event of the given kind that has evidence.
func (c events) first(ctx context.Context, kind guard.EventKind) (guard.Incident, error) {
	lost := errors.New("no incident was reported")
	for {
		select {
		case e := <-c:
			if e.Kind != kind {
				continue
			}
			if len(e.Incident.Artefacts) > 0 {
				return e.Incident, nil
			}
			lost = errors.New(e.Incident.NotCaptured)
		case <-ctx.Done():
			return guard.Incident{}, errors.Join(lost, ctx.Err())
		}
	}
}

// tell prints the incident's report.
func tell(w io.Writer, i guard.Incident) error {
	report, err := os.ReadFile(filepath.Join(i.Folder, incident.ReportText))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n%s", report)
	return err
}
