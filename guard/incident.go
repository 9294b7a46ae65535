package guard

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/leakguard/leakguard/profile/incident"
)

// manualRule is the rule name of manual captures.
const manualRule = "manual"

// Incident is one crossing of a rule's line, one manual capture, or the death of a
// previous process. Each event has a copy with the state at that moment.
type Incident struct {
	// ID consists of the UTC time, the rule and a random part. It is also the name of
	// the incident's folder, if it has one.
	ID string
	// Rule is the name of the rule. It is 'manual' for Capture and the signal, and
	// 'previous-death' for a death.
	Rule string
	// Trigger says what opened the incident.
	Trigger incident.Trigger
	// Reason says why the incident opened.
	Reason string
	// Opened is when the incident opened, and Recovered when it closed.
	Opened    time.Time
	Recovered time.Time // zero while it is open
	// Duration is how long it has been open, by the monotonic clock.
	Duration time.Duration
	// Signal is the rule's signal. Value was its value when the incident opened, and
	// Peak is its highest value since, both in the signal's unit. They are
	// [profile.Unknown] for a manual capture.
	Signal      Signal
	Value, Peak int64
	// Reading is the reading that opened the incident.
	Reading incident.Reading
	// Verdict says what filled the memory when the incident opened.
	Verdict incident.Verdict
	// Folder is the path of the evidence; "" if none was saved.
	Folder string
	// Artefacts are the files in Folder.
	Artefacts []incident.Artefact
	// EvidenceIn is the ID of the incident whose evidence also covers this one, if
	// this one has none of its own. NotCaptured says why it has none.
	EvidenceIn, NotCaptured string
	// Headline is the first line of the report, which names the culprit; "" until
	// there is a report. The report itself is in Folder.
	Headline string
	// Suspects are up to 8 suspects of the report, the most likely first; empty until
	// there is a report. Suspects.Culprit returns the one that the headline names. The
	// suspects of a death are those of the incidents that the process left.
	Suspects incident.Suspects
	// Death says how the previous process died. It is nil except in the event
	// PreviousDeath. Opened is then the last sign of life, Reading the last reading, and
	// Headline names the culprit, if the evidence shows it.
	Death *incident.Death
}

// EventKind says what happened to an incident. The zero value is not valid.
type EventKind int

// The kinds of event.
const (
	Opened        EventKind = iota + 1 // a line was crossed, or a manual capture began
	Captured                           // evidence is on disk, or there is none: see Incident.NotCaptured
	Escalated                          // an open incident became much worse
	Explained                          // the report is written: see Incident.Headline
	Recovered                          // the signal stayed below the recovery line
	PreviousDeath                      // a previous process died: see Incident.Death
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

// Event is an event of an incident, for delivery to a [Sink].
type Event struct {
	Kind     EventKind
	Incident Incident
	// Sequence numbers the events of one incident, from 1. Together with the
	// incident's ID it identifies the event; see [Event.Key]. Dropped events leave gaps.
	Sequence int
	// Time is when the event happened.
	Time time.Time
	// Reason says why it happened.
	Reason string
	// Redelivered says that an earlier process could not deliver the event. Incident
	// then has the state on disk.
	Redelivered bool

	// Report waits for the incident's report until ctx is done, and returns the incident
	// with it. It is nil if no report is expected. Call [Event.AwaitReport] instead; it
	// is a field so that tests of a sink can set it.
	Report func(ctx context.Context) Incident
}

// Key identifies the event by the incident's ID and the sequence, such as
// '20261120T101530.123Z-heap-7f3a/2'. It is the same each time the event is delivered, even
// by a later process, so a sink can use it to drop repetitions.
func (e Event) Key() string { return e.Incident.ID + "/" + strconv.Itoa(e.Sequence) }

// parseKind returns the kind with the name.
func parseKind(name string) (k EventKind, ok bool) {
	i := slices.Index(eventNames[:], name)
	return EventKind(i), i >= int(Opened)
}
