package guard

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/leakguard/leakguard/guard/internal/evidence"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// liveCapture is a running capture.
type liveCapture struct {
	number    int // the policy's number
	round     int // the number within the incident, from 1
	rule      int // -1: manual
	incident  *liveIncident
	suspicion bool // it is not known yet whether there is an incident
	manual    bool
	reply     chan<- captureReply // nil: nobody waits
}

// captureReply answers a manual capture.
type captureReply struct {
	incident Incident
	err      error
}

// suspectIncident starts a capture on suspicion.
func (l *loop) suspectIncident(a act) {
	c := &liveCapture{number: a.capture, rule: a.rule, incident: l.ruleIncident(a), suspicion: true}
	before := evidence.Held{Heap: int64(l.reading.HeapAlloc), Live: l.live.lowest()}
	l.capture(c, l.watch.rules[a.rule].rule.Capture, l.ctx, a.why, &evidence.Suspicion{Before: before, Known: a.known})
}

// capture starts a capture.
func (l *loop) capture(c *liveCapture, kinds KindSet, ctx context.Context, why string, s *evidence.Suspicion) {
	i := c.incident
	i.rounds++
	i.capturing++
	c.round = i.rounds
	i.decide("capture: " + why)
	l.later(func() {
		l.log.Debug("leakguard: capturing", "incident", i.ID, "kinds", kinds.String(), "why", why)
	})
	if l.cfg.GoroutineLeak && kinds.Has(profile.Goroutine) {
		kinds |= KindsOf(profile.GoroutineLeak)
	}
	var onset time.Time // whoever asks for a capture does not know one
	if c.rule >= 0 {
		onset = l.onset(i)
	}
	l.captures = append(l.captures, c)
	l.keeper.Go(evidence.Job{
		Context: ctx, ID: i.ID, Record: i.record, Kinds: kinds.Kinds(), Seq: c.round, Onset: onset, Rung: c.manual, Suspicion: s,
		Collecting: func(res evidence.Result) { l.post(func() { l.reached(c, collecting, res) }) },
		Finishing:  func(res evidence.Result) { l.post(func() { l.reached(c, finishing, res) }) },
	}, func(res evidence.Result) { l.post(func() { l.captured(c, res) }) })
}

// reached records the stage of a capture. At finishing it is known whether a suspicion
// is right.
func (l *loop) reached(c *liveCapture, s captureStage, res evidence.Result) {
	l.watch.ledger.reached(c.number, c.incident.ID, s, res.Live)
	if c.suspicion && s == finishing {
		l.confirm(c, res)
	}
}

// confirm opens the incident of a suspicion that is right.
func (l *loop) confirm(c *liveCapture, res evidence.Result) {
	c.suspicion = false
	for _, text := range res.Judged { // the capture has added it to the manifest
		c.incident.recorder.note(c.incident.ID, text)
	}
	l.watch.confirm(c.rule)
	l.open[c.rule] = c.incident
	l.announce(c.incident, c.rule)
}

// captured records the end of a capture.
func (l *loop) captured(c *liveCapture, res evidence.Result) {
	i := c.incident
	at := time.Since(l.started)
	l.captures = slices.DeleteFunc(l.captures, func(o *liveCapture) bool { return o == c })
	i.capturing--
	if res.Refuted {
		l.watch.refute(c.rule, at)
		l.sinks.reports.settle(i.ID, Incident{})
		l.counters.refuted.Add(1)
		l.later(func() {
			l.log.Debug("leakguard: memory rose fast, but it was garbage", "what", i.Reason)
		})
		return
	}
	if c.suspicion {
		l.confirm(c, res)
	}
	if res.Folder != "" {
		i.Folder, i.Artefacts = res.Folder, res.Artefacts
	}
	if len(res.Record.Steps) > 0 {
		i.record.Capture(res.Record)
	}
	l.watch.ledger.reached(c.number, i.ID, finishing, res.Live)
	saved := KindsOf(res.Saved...)
	l.watch.captureEnded(c.rule, c.number, i.ID, saved, at)
	if saved != 0 {
		l.counters.captures.Add(1)
		i.EvidenceIn, i.NotCaptured = "", ""
		i.decide(fmt.Sprintf("captured %s", saved))
		l.later(func() {
			l.log.Warn("leakguard: evidence saved", "incident", i.ID, "dir", res.Folder, "files", len(res.Artefacts))
		})
		predicted, _ := predictExplanation(res.Artefacts)
		l.wantExplanation(explanation{id: i.ID, predicted: predicted})
	} else {
		l.counters.failedCaptures.Add(1)
		i.NotCaptured = "nothing was saved"
		if res.Err != nil {
			i.NotCaptured = res.Err.Error()
		}
		i.decide("capture failed: " + i.NotCaptured)
	}
	if res.Err != nil && l.once.first("capture") {
		l.later(func() {
			l.log.Warn("leakguard: evidence was lost; further losses are only counted and recorded in the manifest", "incident", i.ID, "error", res.Err)
		})
	}
	if c.manual {
		l.endManual(c, res.Err)
		return
	}
	if saved != 0 || c.round == 1 {
		// Only the first failure is an event. Failed retries are not.
		l.send(i, Captured, i.Reason)
	}
	switch {
	case i.capturing > 0: // the last capture to end does the rest
	case i.recovery != "":
		l.endIncident(i)
	case i.left:
		l.keeper.finish(i.ID, i.record)
	}
}

// captureManual begins a manual capture and sends the answer to reply, which may be nil.
func (l *loop) captureManual(ctx context.Context, trigger incident.Trigger, reason string, kinds []profile.Kind, reply chan<- captureReply) {
	if l.watch.ledger.busy() || slices.ContainsFunc(l.captures, func(c *liveCapture) bool { return c.manual }) {
		if reply != nil {
			reply <- captureReply{err: ErrBusy}
			return
		}
		l.log.Warn("leakguard: not captured", "trigger", trigger, "error", ErrBusy)
		return
	}
	set := KindsOf(kinds...)
	if len(kinds) == 0 {
		set = KindsOf(profile.Heap, profile.Goroutine)
	}
	i := l.newIncident(manualRule, trigger, reason)
	c := &liveCapture{number: l.watch.ledger.begin(&l.view, set, false), rule: -1, incident: i, manual: true, reply: reply}
	l.counters.incidents.Add(1)
	l.counters.manual.Add(1)
	l.later(func() {
		l.log.Info("leakguard: capturing", "incident", i.ID, "trigger", trigger, "reason", reason)
	})
	l.send(i, Opened, reason)
	l.capture(c, set, ctx, reason, nil)
}

func (l *loop) endManual(c *liveCapture, err error) {
	i := c.incident
	l.send(i, Captured, i.Reason)
	i.Recovered = time.Now()
	i.Duration = time.Since(l.started) - i.at
	i.record.Update(func(m *incident.Manifest) {
		recovered := i.Recovered
		m.Recovered = &recovered
	})
	l.settleReport(i)
	l.keeper.finish(i.ID, i.record)
	if c.reply != nil {
		reply := captureReply{incident: i.Incident, err: err}
		l.later(func() { c.reply <- reply })
	}
}
