package guard

import (
	"sync/atomic"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// counters are the live Counters, shared by the guard's goroutines.
type counters struct {
	readings, incidents, captures, failedCaptures atomic.Int64
	refuted                                       atomic.Int64
	baselines, failedBaselines                    atomic.Int64
	delivered, droppedEvents, sinkFailures        atomic.Int64
	censuses, explained, failedReports            atomic.Int64
	droppedJobs, panics, slowRecords              atomic.Int64
	manual                                        atomic.Int64
	droppedLines                                  func() int64 // nil: none
	profiles                                      [profile.Threadcreate + 1][len(outcomes)]atomic.Int64
}

// outcomes are the possible outcomes of a profile in a capture.
var outcomes = [...]incident.Outcome{incident.OutcomeWritten, incident.OutcomeSkipped, incident.OutcomeFailed}

// step counts the outcome of a profile.
func (c *counters) step(s incident.CaptureStep) {
	for i, o := range outcomes {
		if o == s.Outcome {
			c.profiles[s.Kind][i].Add(1)
		}
	}
}

// baseline counts a baseline.
func (c *counters) baseline(kept bool) {
	if kept {
		c.baselines.Add(1)
	} else {
		c.failedBaselines.Add(1)
	}
}

// ProfileCount is the number of profiles of one kind with one outcome, in all captures
// since Start. Outcome is [incident.OutcomeWritten], [incident.OutcomeSkipped] or
// [incident.OutcomeFailed]. Baselines that were copied into an incident's folder are
// included.
type ProfileCount struct {
	Kind    profile.Kind
	Outcome incident.Outcome
	Count   int64
}

// readProfiles lists every kind with every outcome, including counts of 0.
func (c *counters) readProfiles() []ProfileCount {
	var list []ProfileCount
	for _, kind := range profile.Kinds() {
		for i, o := range outcomes {
			list = append(list, ProfileCount{kind, o, c.profiles[kind][i].Load()})
		}
	}
	return list
}

// Counters count what a guard has done and lost since Start.
type Counters struct {
	Readings        int64 // readings of the process
	Incidents       int64 // incidents opened, including manual ones
	Manual          int64 // incidents opened by Capture or the signal
	Captures        int64 // captures whose evidence is safe
	FailedCaptures  int64 // captures that left no evidence
	Refuted         int64 // captures discarded because the growth was garbage
	Baselines       int64 // baseline profiles written
	FailedBaselines int64 // baseline profiles lost
	Censuses        int64 // goroutine censuses taken
	Explained       int64 // reports written
	FailedReports   int64 // reports lost
	Delivered       int64 // events accepted by a sink
	DroppedEvents   int64 // events dropped because too many were waiting for the sinks
	SinkFailures    int64 // deliveries that failed, panicked or timed out
	DroppedJobs     int64 // baselines, censuses and reports skipped because the queue was full
	DroppedLogLines int64 // log lines dropped because the queue was full: the log handler is slow or blocked
	SlowRecords     int64 // writes to the black box that failed or took over 100 ms
	Panics          int64 // panics recovered, in the guard and in code of the program that it calls
}

func (c *counters) read() Counters {
	out := Counters{
		Readings: c.readings.Load(), Incidents: c.incidents.Load(), Manual: c.manual.Load(),
		Captures: c.captures.Load(), FailedCaptures: c.failedCaptures.Load(), Refuted: c.refuted.Load(),
		Baselines: c.baselines.Load(), FailedBaselines: c.failedBaselines.Load(),
		Censuses: c.censuses.Load(), Explained: c.explained.Load(), FailedReports: c.failedReports.Load(),
		Delivered: c.delivered.Load(), DroppedEvents: c.droppedEvents.Load(), SinkFailures: c.sinkFailures.Load(),
		DroppedJobs: c.droppedJobs.Load(), SlowRecords: c.slowRecords.Load(), Panics: c.panics.Load(),
	}
	if c.droppedLines != nil {
		out.DroppedLogLines = c.droppedLines()
	}
	return out
}
