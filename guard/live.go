package guard

import (
	"fmt"
	"time"

	"github.com/leakguard/leakguard/guard/internal/evidence"
	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// readingsBefore is how many readings from before the crossing the manifest has.
const readingsBefore = 60

// incidents are the open incidents and the running captures.
type incidents struct {
	open     []*liveIncident // by rule; nil: not open
	captures []*liveCapture  // running, oldest first
}

// liveIncident is an incident that is open or has a running capture.
type liveIncident struct {
	Incident
	at        time.Duration
	rounds    int    // captures begun
	capturing int    // captures running
	left      bool   // the guard was closed while it was open
	recovery  string // why it recovered; "": it has not
	waits     bool   // the reason why it has no report yet is recorded
	recorder  *recorder
	record    *evidence.Record
	report    *reportWait // nil: there will be none
}

// decide records a decision about the incident.
func (i *liveIncident) decide(text string) {
	i.recorder.note(i.ID, text)
	i.record.Decide(text)
}

// find returns the incident with the ID if it is open or has a running capture, or nil.
func (n *incidents) find(id string) *liveIncident {
	for _, i := range n.open {
		if i != nil && i.ID == id {
			return i
		}
	}
	for _, c := range n.captures {
		if c.incident.ID == id {
			return c.incident
		}
	}
	return nil
}

// act carries out a decision of the policy.
func (l *loop) act(a act) {
	switch a.do {
	case openIncident:
		l.openIncident(a)
	case suspectIncident:
		l.suspectIncident(a)
	case captureEvidence:
		l.capture(&liveCapture{number: a.capture, rule: a.rule, incident: l.open[a.rule]}, l.watch.rules[a.rule].rule.Capture, l.ctx, a.why, nil)
	case shareEvidence:
		i := l.open[a.rule]
		i.EvidenceIn, i.NotCaptured = a.evidence, a.why
		i.decide("not captured: " + a.why)
		l.send(i, Captured, a.reason)
	case escalateIncident:
		i := l.open[a.rule]
		i.decide(fmt.Sprintf("escalated: %s; %s", a.reason, a.why))
		l.later(func() {
			l.log.Warn("leakguard: escalated", "incident", i.ID, "what", a.reason, "why", a.why)
		})
		l.send(i, Escalated, a.reason)
	case recoverIncident:
		l.recoverIncident(a)
	}
}

func (l *loop) openIncident(a act) {
	i := l.ruleIncident(a)
	l.open[a.rule] = i
	l.announce(i, a.rule)
}

// ruleIncident makes an incident of a rule from the last reading.
func (l *loop) ruleIncident(a act) *liveIncident {
	r := l.watch.rules[a.rule].rule
	i := l.newIncident(r.Name, incident.TriggerRule, a.reason)
	i.Signal = r.Signal
	i.Value = l.view.values[r.Signal]
	i.Peak = i.Value
	i.record.Update(func(m *incident.Manifest) {
		m.Unit, m.Peak = r.Signal.Unit(), i.Peak
		if r.Line.kind != lineTimeToLimit { // that one is urgent, and needs no history of days
			m.History = l.pastPoints()
		}
		if where := l.describeLeaked(); r.Signal == LeakedGoroutines && where != "" {
			i.Reason, m.Reason = where, where
		}
	})
	return i
}

// announce counts and logs an open incident, and sends its first event.
func (l *loop) announce(i *liveIncident, rule int) {
	l.counters.incidents.Add(1)
	l.watch.rules[rule].incidents++
	args := []any{"incident", i.ID, "rule", l.watch.rules[rule].rule.String()}
	if c := i.Verdict.Class; !i.Signal.counts() && c != incident.VerdictUnknown && c != incident.VerdictCalm {
		args = append(args, "verdict", i.Verdict.Text)
	}
	l.later(func() { l.log.Warn("leakguard: "+i.Reason, args...) })
	l.send(i, Opened, i.Reason)
}

func (l *loop) newIncident(rule string, trigger incident.Trigger, reason string) *liveIncident {
	now := l.reading.Time
	i := &liveIncident{at: l.view.at}
	i.Incident = Incident{
		ID: layout.NewID(now, rule), Rule: rule, Trigger: trigger, Reason: reason,
		Opened: now, Value: profile.Unknown, Peak: profile.Unknown, Reading: l.reading, Verdict: l.verdict(),
	}
	i.record = evidence.NewRecord(incident.Manifest{
		ID: i.ID, Rule: rule, Trigger: trigger, Reason: reason, Opened: now, Peak: profile.Unknown,
		Verdict: i.Verdict, Readings: l.history.last(readingsBefore), History: l.history.points(historyPoints), Trends: l.trends.list(nil, &l.view, l.started),
		GoroutineSites: chosenSites(l.census.sites), Idle: l.idle(), Limits: l.limits(), Build: l.build, Process: l.process,
	})
	if !l.cfg.NoReports && l.keeper.store != nil {
		i.report = l.sinks.reports.expect(i.ID)
	}
	i.recorder = l.recorder
	i.decide("opened: " + reason)
	return i
}

func (l *loop) recoverIncident(a act) {
	i := l.open[a.rule]
	i.Recovered = l.reading.Time
	i.Duration = l.view.at - i.at
	i.Peak = l.watch.rules[a.rule].peak
	i.decide("recovered: " + a.reason)
	i.recovery = a.reason
	i.record.Update(func(m *incident.Manifest) {
		recovered := i.Recovered
		m.Recovered, m.Peak = &recovered, i.Peak
	})
	// The rule's next incident may open before this one's capture has ended.
	l.open[a.rule] = nil
	if i.capturing == 0 {
		l.endIncident(i)
	}
}

// endIncident logs that an incident is over, sends the event, and closes its folder.
func (l *loop) endIncident(i *liveIncident) {
	l.later(func() {
		l.log.Warn("leakguard: recovered", "incident", i.ID, "after", i.Duration.Round(time.Millisecond).String(),
			"peak", i.Signal.format(i.Peak), "why", i.recovery)
	})
	l.send(i, Recovered, i.recovery)
	l.settleReport(i)
	l.keeper.finish(i.ID, i.record)
}

// leaveOpen writes the last manifests of open incidents when the guard is closed. The
// incidents stay open there, because the end of the process is no recovery.
func (l *loop) leaveOpen() {
	for rule, i := range l.open {
		if i == nil {
			continue
		}
		i.left = true
		i.decide("the guard was closed while the incident was open")
		peak := l.watch.rules[rule].peak
		i.record.Update(func(m *incident.Manifest) { m.Peak = peak })
		if i.capturing == 0 { // otherwise its capture writes the manifest
			l.keeper.finish(i.ID, i.record)
		}
	}
}

// send queues an event for the sinks, with the present state of the incident.
func (l *loop) send(i *liveIncident, kind EventKind, reason string) {
	e := Event{Kind: kind, Incident: i.Incident, Time: time.Now(), Reason: reason, Report: reportOf(i.report)}
	l.later(func() { l.sinks.send(e) })
}

func (l *loop) limits() []incident.MemoryLimit {
	var out []incident.MemoryLimit
	s := l.source.limits
	if s.Kill > 0 {
		out = append(out, incident.MemoryLimit{Source: s.KillSource, Path: s.KillPath, Bytes: profile.Bytes(s.Kill)})
	}
	if s.Throttle > 0 {
		out = append(out, incident.MemoryLimit{Source: "memory.high", Path: s.ThrottlePath, Bytes: profile.Bytes(s.Throttle)})
	}
	if s.GOMEMLIMIT > 0 {
		out = append(out, incident.MemoryLimit{Source: "GOMEMLIMIT", Bytes: profile.Bytes(s.GOMEMLIMIT)})
	}
	if s.Host > 0 && s.KillSource != sourceHost {
		out = append(out, incident.MemoryLimit{Source: sourceHost, Bytes: profile.Bytes(s.Host)})
	}
	return out
}

// pastPoints returns the time before an incident for a chart: the readings as far back
// as they reach, and before them the floors of the trends.
func (l *loop) pastPoints() []incident.HistoryPoint {
	recent := l.history.points(historyPoints / 2)
	if len(recent) == 0 {
		return nil
	}
	return append(l.trends.points(l.started, recent[0].Time, historyPoints/2), recent...)
}
