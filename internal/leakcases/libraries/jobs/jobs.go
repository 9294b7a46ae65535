// Package jobs runs jobs by the clock: a user's own package between a test and a library.
package jobs

import "github.com/robfig/cron/v3"

// Jobs are what runs by the clock.
type Jobs struct{ cron *cron.Cron }

// Start starts no jobs yet, but what will run them.
func Start() *Jobs {
	j := &Jobs{cron.New()}
	j.cron.Start()
	return j
}

// Stop stops them and waits for those that run.
func (j *Jobs) Stop() { <-j.cron.Stop().Done() }
