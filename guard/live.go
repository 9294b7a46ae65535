package guard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// liveIncident is an incident under way.
type liveIncident struct {
	Incident
	at        time.Duration
	seq       int // rounds of evidence begun
	capturing bool
	recovery  string // why it recovered
	waits     bool   // it has been said why it is not explained yet
	recorder  *recorder
	manifest  incident.Manifest
}

// captureReply answers a manual capture.
type captureReply struct {
	incident Incident
	err      error
}

func (l *loop) openIncident(a act) {
	i := l.ruleIncident(a)
	l.open[a.rule] = i
	l.later(func() { l.announce(i, a.rule) })
}

// suspectIncident has the evidence taken of an incident that there may not be.
func (l *loop) suspectIncident(a act) {
	i := l.ruleIncident(a)
	l.suspect, l.suspectRule = i, a.rule
	before := held{heap: int64(l.reading.HeapAlloc), live: l.live.lowest()}
	l.capture(i, a.rule, l.watch.rules[a.rule].rule.Capture, l.ctx, a.why,
		&suspicion{before: before, known: a.known})
}

// ruleIncident makes the incident of a rule as of the last reading.
func (l *loop) ruleIncident(a act) *liveIncident {
	r := l.watch.rules[a.rule].rule
	i := l.newIncident(r.Name, incident.TriggerRule, a.reason)
	i.Signal = r.Signal
	i.Value = l.view.values[r.Signal]
	i.Peak = i.Value
	i.manifest.Unit = r.Signal.Unit()
	if r.Line.kind != lineTimeToLimit { // there is no time for days, nor a need
		i.manifest.History = l.pastPoints()
	}
	if where := l.describeLeaked(); r.Signal == LeakedGoroutines && where != "" {
		i.Reason, i.manifest.Reason = where, where
	}
	return i
}

// announce says that an incident is open.
func (l *loop) announce(i *liveIncident, rule int) {
	l.counters.incidents.Add(1)
	l.watch.rules[rule].incidents++
	args := []any{"incident", i.ID, "rule", l.watch.rules[rule].rule.String()}
	if c := i.Verdict.Class; !i.Signal.counts() && c != incident.VerdictUnknown && c != incident.VerdictCalm {
		args = append(args, "verdict", i.Verdict.Text)
	}
	l.log.Warn("leakguard: "+i.Reason, args...)
	l.send(i, Opened, i.Reason)
}

func (l *loop) newIncident(rule string, trigger incident.Trigger, reason string) *liveIncident {
	now := l.reading.Time
	i := &liveIncident{at: l.view.at}
	i.Incident = Incident{
		ID: layout.NewID(now, rule), Rule: rule, Trigger: trigger, Reason: reason,
		Opened: now, Value: profile.Unknown, Peak: profile.Unknown, Reading: l.reading, Verdict: l.verdict(),
	}
	i.manifest = incident.Manifest{
		ID: i.ID, Rule: rule, Trigger: trigger, Reason: reason, Opened: now, Peak: profile.Unknown,
		Verdict: i.Verdict, Readings: l.history.last(readingsBefore), History: l.history.points(historyPoints), Trends: l.trends.list(&l.view, l.started),
		GoroutineSites: l.sites, Idle: l.idle(), Limits: l.limits(), Build: l.build, Process: l.process,
	}
	i.recorder = l.recorder
	i.decide("opened: " + reason)
	return i
}

// capture has a round of evidence taken.
func (l *loop) capture(i *liveIncident, rule int, kinds KindSet, ctx context.Context, why string, s *suspicion) {
	i.seq++
	i.capturing = true
	i.decide("capture: " + why)
	l.later(func() {
		l.log.Debug("leakguard: capturing", "incident", i.ID, "kinds", kinds.String(), "why", why)
	})
	if l.cfg.GoroutineLeak && kinds.Has(profile.Goroutine) {
		kinds |= KindsOf(profile.GoroutineLeak)
	}
	onset := i.Opened
	if rule >= 0 {
		onset = l.onset(i)
	}
	job := captureJob{ctx: ctx, manifest: i.snapshotManifest(), kinds: kinds, seq: i.seq, onset: onset, suspicion: s}
	if !l.keeper.do(func() { l.results <- l.keeper.capture(job) }) {
		// Later, for its Opened is said later too.
		res := captureResult{id: i.ID, err: errors.New("guard: the queue of work on evidence is full")}
		l.later(func() { l.captured(res) })
	}
}

// captured books the end of a capture.
func (l *loop) captured(res captureResult) {
	rule, i := l.find(res.id)
	if i == nil {
		return
	}
	if i == l.suspect {
		l.suspect = nil
		if res.refuted {
			l.watch.refute(rule, time.Since(l.started))
			l.counters.refuted.Add(1)
			l.log.Debug("leakguard: memory rose fast, but what rose was garbage", "what", i.Reason)
			return
		}
		l.watch.confirm(rule)
		l.open[rule] = i
		l.announce(i, rule)
	}
	i.capturing = false
	for _, text := range res.judged {
		i.decide(text)
	}
	if res.folder != "" {
		i.Folder, i.Artefacts = res.folder, res.artefacts
	}
	if len(res.record.Steps) > 0 {
		i.manifest.Captures = append(i.manifest.Captures, res.record)
	}
	ok := res.kinds != 0
	at := time.Since(l.started)
	l.watch.ledger.collected(res.live)
	l.watch.captureEnded(rule, res.id, res.kinds, at)
	if ok {
		l.counters.captures.Add(1)
		i.Evidence, i.NotCaptured = "", ""
		i.decide(fmt.Sprintf("captured %s", res.kinds))
		l.log.Warn("leakguard: evidence saved", "incident", i.ID, "dir", res.folder, "files", len(res.artefacts))
		predicted, _ := predictExplanation(res.artefacts)
		l.wantExplanation(explanation{id: i.ID, predicted: predicted})
	} else {
		l.counters.failedCaptures.Add(1)
		i.NotCaptured = "nothing was saved"
		if res.err != nil {
			i.NotCaptured = res.err.Error()
		}
		i.decide("capture failed: " + i.NotCaptured)
	}
	if res.err != nil && l.once.first("capture") {
		l.log.Warn("leakguard: evidence was lost; further losses are only counted and told in the manifest", "incident", i.ID, "error", res.err)
	}
	if ok || i.seq == 1 {
		// Of failures only the first is an event: the retries are our
		// business.
		l.send(i, Captured, i.Reason)
	}
	if i == l.ending {
		l.ending = nil
		l.endIncident(i)
	}
	if i == l.manual {
		l.endManual(i, res.err)
	}
}

// find returns the incident of that ID, and its rule or -1.
func (l *loop) find(id string) (rule int, i *liveIncident) {
	if l.manual != nil && l.manual.ID == id {
		return -1, l.manual
	}
	if l.suspect != nil && l.suspect.ID == id {
		return l.suspectRule, l.suspect
	}
	if l.ending != nil && l.ending.ID == id {
		return l.endingRule, l.ending
	}
	for rule, i := range l.open {
		if i != nil && i.ID == id {
			return rule, i
		}
	}
	return -1, nil
}

func (l *loop) recoverIncident(a act) {
	i := l.open[a.rule]
	i.Recovered = l.reading.Time
	i.Duration = l.view.at - i.at
	i.Peak = l.watch.rules[a.rule].peak
	i.decide("recovered: " + a.reason)
	i.recovery = a.reason
	// Its place is free for the rule's next incident, which may open before
	// the capture has ended.
	l.open[a.rule] = nil
	if i.capturing {
		l.ending, l.endingRule = i, a.rule
		return
	}
	l.endIncident(i)
}

func (l *loop) endIncident(i *liveIncident) {
	l.log.Warn("leakguard: recovered", "incident", i.ID, "after", i.Duration.Round(time.Millisecond).String(),
		"peak", i.Signal.format(i.Peak), "why", i.recovery)
	l.send(i, Recovered, i.recovery)
	m := i.snapshotManifest()
	l.keeper.do(func() { l.keeper.finish(m) })
}

// captureManual begins a manual capture; the answer goes to reply, which may be
// nil.
func (l *loop) captureManual(ctx context.Context, trigger incident.Trigger, reason string, kinds []profile.Kind, reply chan<- captureReply) {
	refuse := func(err error) {
		if reply != nil {
			reply <- captureReply{err: err}
			return
		}
		l.log.Warn("leakguard: not captured", "trigger", trigger, "error", err)
	}
	if l.watch.ledger.running {
		refuse(ErrBusy)
		return
	}
	set := KindsOf(kinds...)
	if len(kinds) == 0 {
		set = KindsOf(profile.Heap, profile.Goroutine)
	}
	l.watch.ledger.begin(&l.view)
	i := l.newIncident(manualRule, trigger, reason)
	l.manual, l.reply = i, reply
	l.counters.incidents.Add(1)
	l.counters.manual.Add(1)
	l.log.Info("leakguard: capturing", "incident", i.ID, "trigger", trigger, "reason", reason)
	l.send(i, Opened, reason)
	l.capture(i, -1, set, ctx, reason, nil)
}

func (l *loop) endManual(i *liveIncident, err error) {
	i.Recovered = time.Now()
	i.Duration = time.Since(l.started) - i.at
	m := i.snapshotManifest()
	l.keeper.do(func() { l.keeper.finish(m) })
	if l.reply != nil {
		l.reply <- captureReply{incident: i.Incident, err: err}
	}
	l.manual, l.reply = nil, nil
}

func (l *loop) send(i *liveIncident, kind EventKind, reason string) {
	l.sinks.send(Event{Kind: kind, Incident: i.Incident, Time: time.Now(), Reason: reason})
}

func (l *loop) limits() []incident.MemoryLimit {
	var out []incident.MemoryLimit
	s := l.source.limits
	if s.Kill > 0 {
		out = append(out, incident.MemoryLimit{Source: s.KillSource, Path: s.KillPath, Bytes: profile.Bytes(s.Kill)})
	}
	if s.GOMEMLIMIT > 0 {
		out = append(out, incident.MemoryLimit{Source: "GOMEMLIMIT", Bytes: profile.Bytes(s.GOMEMLIMIT)})
	}
	if s.Host > 0 && s.KillSource != sourceHost {
		out = append(out, incident.MemoryLimit{Source: sourceHost, Bytes: profile.Bytes(s.Host)})
	}
	return out
}

func (i *liveIncident) decide(text string) {
	i.recorder.note(i.ID, text)
	if len(i.manifest.Decisions) < mostDecisions {
		i.manifest.Decisions = append(i.manifest.Decisions, incident.Decision{Time: time.Now(), Text: text})
	}
}

// snapshotManifest returns the manifest as it stands, for another goroutine.
func (i *liveIncident) snapshotManifest() incident.Manifest {
	m := i.manifest
	m.Peak = i.Peak
	if !i.Recovered.IsZero() {
		recovered := i.Recovered
		m.Recovered = &recovered
	}
	m.Captures = append([]incident.CaptureRecord(nil), m.Captures...)
	m.Decisions = append([]incident.Decision(nil), m.Decisions...)
	return m
}

// pastPoints are the time before an incident, for a picture: the readings as far
// back as they reach, and before those the floors that the trends are judged by.
func (l *loop) pastPoints() []incident.HistoryPoint {
	recent := l.history.points(historyPoints / 2)
	if len(recent) == 0 {
		return nil
	}
	return append(l.trends.points(l.started, recent[0].Time, historyPoints/2), recent...)
}
