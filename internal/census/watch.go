package census

import "time"

// Watch follows the sites of one process over time.
type Watch struct{}

// NewWatch returns a watch that has seen nothing.
func NewWatch() *Watch { return new(Watch) }

// Observe takes in a census that was taken at a time.
func (w *Watch) Observe(at time.Duration, groups []Group) {}

// Sites returns the sites, those that leak first, then by growth.
func (w *Watch) Sites() []Site { return nil }

// Prove marks the sites that wait at one of these places as proven.
func (w *Watch) Prove(at time.Duration, places []Key) {}
