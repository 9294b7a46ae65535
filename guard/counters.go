package guard

import (
	"sync/atomic"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// counters count what happened; they are shared by the guard's goroutines.
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

// outcomes are what can become of a profile that a capture wants.
var outcomes = [...]incident.Outcome{incident.OutcomeWritten, incident.OutcomeSkipped, incident.OutcomeFailed}

// step counts what became of a profile.
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

// ProfileCount is how many profiles of a kind captures have wanted since Start of
// which one and the same became, one of [incident.OutcomeWritten],
// [incident.OutcomeSkipped] and [incident.OutcomeFailed]. A baseline that was
// copied into an incident's folder counts, too.
type ProfileCount struct {
	Kind    profile.Kind
	Outcome incident.Outcome
	Count   int64
}

// readProfiles lists every kind with every outcome, also where the count is 0.
func (c *counters) readProfiles() []ProfileCount {
	var list []ProfileCount
	for _, kind := range profile.Kinds() {
		for i, o := range outcomes {
			list = append(list, ProfileCount{kind, o, c.profiles[kind][i].Load()})
		}
	}
	return list
}

// Counters say what a guard has done and lost since Start.
type Counters struct {
	Readings        int64 // samplings of the process
	Incidents       int64 // incidents opened, manual ones included
	Manual          int64 // of these by Capture or the signal
	Captures        int64 // captures whose evidence is safe
	FailedCaptures  int64 // captures that left no evidence
	Refuted         int64 // captures discarded, since what rose was garbage
	Baselines       int64 // baseline profiles written
	FailedBaselines int64 // baseline profiles lost
	Censuses        int64 // countings of goroutines by site
	Explained       int64 // reports written
	FailedReports   int64 // reports lost
	Delivered       int64 // events that a sink has accepted
	DroppedEvents   int64 // events that found a full queue
	SinkFailures    int64 // deliveries that failed, panicked or timed out
	DroppedJobs     int64 // baselines, censuses and reports that found a full queue
	DroppedLogLines int64 // log lines that found a full queue: the log handler is slow or blocks
	SlowRecords     int64 // writes into the black box that failed or took over 100 ms
	Panics          int64 // panics recovered, of the program's code that the guard calls and of the guard itself
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
