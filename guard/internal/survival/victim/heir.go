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

// heir starts a guard after the victim's death, and prints what the guard reports
// that the victim died of.
func heir() error {
	told := make(chan guard.Event, 1)
	g, err := guard.Start(guard.Config{Dir: *dir, Sinks: []guard.Sink{mourner(told)}})
	if err != nil {
		return err
	}
	select {
	case e := <-told:
		err = json.NewEncoder(os.Stdout).Encode(e.Incident.Death)
	case <-time.After(time.Minute):
		err = errors.New("no death is reported")
	}
	return errors.Join(err, g.Close())
}

// mourner is a sink that hears of deaths only.
type mourner chan guard.Event

func (m mourner) Name() string { return "mourner" }

func (m mourner) Deliver(_ context.Context, e guard.Event) error {
	if e.Kind == guard.PreviousDeath {
		m <- e
	}
	return nil
}
