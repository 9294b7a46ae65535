package guard

import "sync/atomic"

// counters count what happened; they are shared by the guard's goroutines.
type counters struct {
	readings, incidents, captures, failedCaptures atomic.Int64
	refuted                                       atomic.Int64
	baselines, failedBaselines                    atomic.Int64
	delivered, droppedEvents, sinkFailures        atomic.Int64
	censuses, explained, failedReports            atomic.Int64
	droppedJobs, panics                           atomic.Int64
}

// Counters say what a guard has done and lost since Start.
type Counters struct {
	Readings        int64 // samplings of the process
	Incidents       int64 // incidents opened, manual ones included
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
	DroppedJobs     int64 // work on evidence that found a full queue
	Panics          int64 // panics recovered, of sinks and of the guard itself
}

func (c *counters) read() Counters {
	return Counters{
		Readings: c.readings.Load(), Incidents: c.incidents.Load(),
		Captures: c.captures.Load(), FailedCaptures: c.failedCaptures.Load(), Refuted: c.refuted.Load(),
		Baselines: c.baselines.Load(), FailedBaselines: c.failedBaselines.Load(),
		Censuses: c.censuses.Load(), Explained: c.explained.Load(), FailedReports: c.failedReports.Load(),
		Delivered: c.delivered.Load(), DroppedEvents: c.droppedEvents.Load(), SinkFailures: c.sinkFailures.Load(),
		DroppedJobs: c.droppedJobs.Load(), Panics: c.panics.Load(),
	}
}
