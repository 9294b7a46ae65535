package sink

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
	"unicode"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile/incident"
)

const (
	// maxTitle is how much of a title Sentry shows at most, in bytes.
	maxTitle = 256
	// maxTag is the longest value of a tag that Sentry accepts.
	maxTag = 200
	// eventLogger is the event's logger, by which Sentry can be searched.
	eventLogger = "leakguard"
)

// newEvent makes the event that reports e. It only computes.
func newEvent(e guard.Event, p plan) *sentry.Event {
	inc := e.Incident
	suspect := suspectOf(inc)
	event := &sentry.Event{
		EventID:     eventID(e),
		Logger:      eventLogger,
		Level:       level(e),
		Message:     title(e),
		Fingerprint: fingerprint(e, suspect),
		// The issue list shows this below the title.
		Transaction: suspect,
		Timestamp:   e.Time,
		Contexts:    contexts(e, p),
		Tags: map[string]string{
			"leakguard.event":   eventName(e),
			"leakguard.rule":    inc.Rule,
			"leakguard.trigger": string(inc.Trigger),
			"leakguard.suspect": suspect,
			"leakguard.service": p.manifest.Process.Service,
		},
	}
	if inc.Death != nil {
		event.Tags["leakguard.death"] = string(inc.Death.Cause)
	}
	if e.Kind == guard.Recovered && !inc.Recovered.IsZero() {
		event.Timestamp = inc.Recovered
	}
	if e.Redelivered {
		event.Tags["leakguard.redelivered"] = "yes"
		// It was another process, maybe on another host.
		event.ServerName = p.manifest.Process.Host
	}
	for k, v := range event.Tags {
		if v = oneLine(v, maxTag); v == "" {
			delete(event.Tags, k)
		} else {
			event.Tags[k] = v
		}
	}
	return event
}

// eventName is what happened as Sentry sees it: opening, capture and explanation are one
// event there.
func eventName(e guard.Event) string {
	switch e.Kind {
	case guard.Escalated, guard.Recovered, guard.PreviousDeath:
		return e.Kind.String()
	}
	return "incident"
}

// eventID is derived from the incident, so that what is delivered twice is one event,
// and what comes late belongs to the right event.
func eventID(e guard.Event) sentry.EventID {
	key := eventName(e) + "/" + e.Incident.ID
	switch {
	case e.Kind == guard.Escalated && e.Sequence > 0: // each is an event of its own
		key = eventName(e) + "/" + e.Key()
	case e.Kind == guard.Escalated || e.Incident.ID == "":
		key += "/" + e.Time.UTC().Format(time.RFC3339Nano) + "/" + e.Reason
	}
	sum := sha256.Sum256([]byte("leakguard/" + key))
	id := sum[:16]
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // a UUID of version 4, as the SDK's are
	return sentry.EventID(hex.EncodeToString(id))
}

func level(e guard.Event) sentry.Level {
	switch {
	case e.Kind == guard.PreviousDeath && e.Incident.Death != nil && !alarming(e.Incident.Death.Cause):
		return sentry.LevelWarning
	case e.Kind == guard.Escalated || e.Kind == guard.PreviousDeath:
		return sentry.LevelFatal
	case e.Kind == guard.Recovered || byHand(e.Incident):
		return sentry.LevelInfo
	}
	return sentry.LevelError
}

// alarming reports whether somebody has to look into a death. A restart of the host, and
// a SIGKILL or an exit that the guard was not told of, may have been intended.
func alarming(cause incident.DeathCause) bool {
	return cause == incident.DeathOOM || cause == incident.DeathPanic
}

// byHand reports whether a person or a program asked for the evidence.
func byHand(i guard.Incident) bool {
	return i.Trigger == incident.TriggerManual || i.Trigger == incident.TriggerSignal
}

// fingerprint groups the incidents of a fleet: by rule and first suspect.
func fingerprint(e guard.Event, suspect string) []string {
	f := []string{"leakguard"}
	switch e.Kind {
	case guard.Recovered, guard.PreviousDeath:
		f = append(f, e.Kind.String())
	}
	switch d := e.Incident.Death; {
	case e.Kind == guard.PreviousDeath && d != nil:
		f = append(f, string(d.Cause))
	case e.Incident.Rule != "":
		f = append(f, e.Incident.Rule)
	}
	if suspect != "" && e.Kind != guard.Recovered {
		f = append(f, suspect)
	}
	return f
}

// title is what the issue list shows: rule, value and line, then the suspect.
func title(e guard.Event) string {
	inc := e.Incident
	what := inc.Reason
	switch e.Kind {
	case guard.Escalated:
		what = cmp.Or(e.Reason, inc.Reason)
	case guard.Recovered:
		what = "recovered"
		if inc.Duration > 0 {
			what += " after " + inc.Duration.Round(time.Second).String()
		}
		what += ": " + cmp.Or(e.Reason, inc.Reason)
	case guard.PreviousDeath:
		what = "the previous process was killed: " + cmp.Or(e.Reason, inc.Reason)
		if inc.Death != nil {
			// The suspect comes before the circumstances, which are in the event.
			what = "previous process " + inc.Death.Title()
		}
	default:
		if byHand(inc) {
			what = "captured by hand: " + what
		}
	}
	what = strings.TrimSuffix(strings.TrimSpace(what), ":")
	// A reason begins with the signal, and 'memory' need not be said twice.
	rule := inc.Rule
	if e.Kind == guard.Escalated {
		rule += " escalated"
	}
	switch {
	case byHand(inc), inc.Death != nil:
	case what == "":
		what = rule
	case rule != "" && !strings.HasPrefix(what, strings.ReplaceAll(rule, "-", " ")):
		what = rule + ": " + what
	}
	if inc.Headline != "" && e.Kind != guard.Recovered {
		what += ": " + inc.Headline
	}
	if what = oneLine(what, maxTitle); what == "" {
		return "leakguard: " + eventName(e)
	}
	return what
}

// suspectOf returns the function that the report accuses, as a tag; "" if it accuses none.
func suspectOf(i guard.Incident) string {
	s, _ := i.Suspects.Culprit()
	return oneLine(s.Name(), maxTag)
}

// oneLine shortens a text to at most so many bytes, and replaces control characters:
// names may come from anywhere.
func oneLine(s string, most int) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s))
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most-len("...")], "") + "..."
}
