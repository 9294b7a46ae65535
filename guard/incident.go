package guard

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/leakguard/leakguard/profile/incident"
)

// manualRule stands for the rule of an incident that nobody's rule opened.
const manualRule = "manual"

// Incident is one crossing of a rule's line, or one manual capture, from its
// opening to its end. It is a value: each event carries how it stood then.
type Incident struct {
	// ID identifies it: UTC time, rule and a random part. It is the name of
	// its folder, if it has one.
	ID string
	// Rule is the name of the rule; 'manual' for Capture and the signal.
	Rule string
	// Trigger is one of profile.TriggerRule, TriggerManual, TriggerSignal.
	Trigger incident.Trigger
	// Reason says in words what was the matter when it opened.
	Reason string
	// Opened and Recovered are its beginning and, once over, its end.
	Opened    time.Time
	Recovered time.Time // zero while it is open
	// Duration is how long it has been open, by the monotonic clock.
	Duration time.Duration
	// Signal is what the rule watches; Value was its value when the incident
	// opened, Peak is its highest since. Unknown for a manual capture.
	Signal      Signal
	Value, Peak int64
	// Reading is the one that opened it.
	Reading incident.Reading
	// Verdict is what filled the memory then.
	Verdict incident.Verdict
	// Folder is where the evidence lies; '' if none was saved.
	Folder string
	// Artefacts are the files in the folder.
	Artefacts []incident.Artefact
	// EvidenceIn is the ID of the incident whose evidence speaks for this one too, if
	// this one has none of its own. NotCaptured says why it has none.
	EvidenceIn, NotCaptured string
	// Headline is the first line of the report, which names the culprit; ''
	// until there is one. The report itself lies in the folder.
	Headline string
	// Suspects are who may leak, as the report ranks them, the likeliest first, 8 at
	// most; none until there is a report. Suspects.Culprit is whom the headline accuses.
	// Of a death they are those of the incidents that it left.
	Suspects incident.Suspects
	// Death is what the previous process died of, with an event PreviousDeath;
	// else nil. Opened is then its last sign of life, Reading its last reading,
	// and Headline who leaked, if its evidence tells.
	Death *incident.Death
}

// EventKind says what happened to an incident. Its zero value is not set.
type EventKind int

// The kinds of event.
const (
	Opened        EventKind = iota + 1 // a line was crossed
	Captured                           // evidence is on disk, or there is none: see Incident.NotCaptured
	Escalated                          // an open incident became much worse
	Explained                          // the report is written: see Incident.Headline
	Recovered                          // the signal stayed below the recovery line
	PreviousDeath                      // a predecessor died: see Incident.Death
	eventKinds
)

var eventNames = [eventKinds]string{"", "opened", "captured", "escalated", "explained", "recovered", "previous-death"}

// String returns the kind's name, such as 'opened'.
func (k EventKind) String() string {
	if k < Opened || k >= eventKinds {
		return "unknown"
	}
	return eventNames[k]
}

// Event is what a [Sink] is told.
type Event struct {
	Kind     EventKind
	Incident Incident
	// Sequence numbers the events of one incident, from 1. Together with the
	// incident's ID it identifies the event; see [Event.Key]. Numbers are missing
	// where events were dropped.
	Sequence int
	// Time is when it happened.
	Time time.Time
	// Reason says in words why.
	Reason string
	// Redelivered says that this event is of an earlier process, and was not
	// accepted then. Its Incident is how it stands on disk now.
	Redelivered bool

	// Report waits for the incident's report until ctx is done, and returns the incident
	// with it. It is nil if no report is expected. Call [Event.AwaitReport] instead; it
	// is a field so that tests of a sink can set it.
	Report func(ctx context.Context) Incident
}

// Key identifies the event, such as '20261120T101530.123Z-heap-7f3a/2': the incident's
// ID and the sequence. It is the same whenever the event is delivered, also by a later
// process, so a sink can drop a repetition by it.
func (e Event) Key() string { return e.Incident.ID + "/" + strconv.Itoa(e.Sequence) }

// parseKind returns the kind of that name.
func parseKind(name string) (k EventKind, ok bool) {
	i := slices.Index(eventNames[:], name)
	return EventKind(i), i >= int(Opened)
}
