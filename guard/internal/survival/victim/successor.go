//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"github.com/leakguard/leakguard/guard"
)

// successor starts a guard after the victim's death, and prints what the guard reports
// that the victim died of.
func successor() error {
	deaths := make(chan guard.Event, 1)
	g, err := guard.Start(guard.Config{Dir: *dir, Sinks: []guard.Sink{deathSink(deaths)}})
	if err != nil {
		return err
	}
	select {
	case e := <-deaths:
		err = json.NewEncoder(os.Stdout).Encode(e.Incident.Death)
	case <-time.After(time.Minute):
		err = errors.New("no death is reported")
	}
	return errors.Join(err, g.Close())
}

// deathSink is a sink that accepts only the events of deaths.
type deathSink chan guard.Event

func (s deathSink) Name() string { return "deaths" }

func (s deathSink) Deliver(_ context.Context, e guard.Event) error {
	if e.Kind == guard.PreviousDeath {
		s <- e
	}
	return nil
}
