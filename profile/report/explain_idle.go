package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

const (
	// leastTickers is from how many on goroutines are called ticking.
	leastTickers = 10
	// How often one of them may be woken, per second. More seldom than once in
	// two minutes is noise; more often than a millisecond's ticker is work.
	slowestTick = 1.0 / 120
	fastestTick = 2000.0
	// confidenceTicks: that as many goroutines came as explain the wake-ups is
	// more than that they came, and less than that they never leave.
	confidenceTicks = 0.8
)

// aboutIdle reports whether the incident is about what the process does at its
// quietest.
func aboutIdle(m incident.Manifest) bool {
	return m.Idle != nil && (m.Unit == profile.UnitMilliCPU || m.Unit == profile.UnitPerSecond)
}

// mayTick reports whether a goroutine that waits for this may be one that a timer
// wakes again and again; which of the channels in question is a ticker's no
// profile tells.
func mayTick(wait string) bool {
	switch wait {
	case frames.ChanReceive, frames.Select, frames.Sleep, frames.CondWait, frames.Running:
		return true
	}
	return false
}

// addTicks finds the goroutines that explain why the process is woken when there
// is nothing to do: they grew, they wait for what timers wake, and the wake-ups
// grew with them.
func addTicks(r *Report) {
	idle := r.Manifest.Idle
	if !aboutIdle(r.Manifest) || !idle.Wakeups.Known() {
		return
	}
	var grown int64
	for _, s := range r.Suspects {
		if couldTick(&s) {
			grown += s.Value.Growth()
		}
	}
	woken := int64(idle.Wakeups - max(idle.WakeupsBefore, 0))
	each := float64(woken) / (float64(max(grown, 1)) * r.grownAtFloor())
	if grown < leastTickers || each < slowestTick || each > fastestTick {
		return
	}
	for i := range r.Suspects {
		s := &r.Suspects[i]
		if !couldTick(s) || s.Value.Growth() < max(leastTickers, grown/4) {
			continue
		}
		s.TicksPerSecond = each
		s.Confidence = max(s.Confidence, confidenceTicks)
		testify(s, fmt.Sprintf("as they grew, wake-ups when all is quiet rose from %v to %v per second: %s each",
			max(idle.WakeupsBefore, 0), idle.Wakeups, often(each)))
		if share := r.processorShare(s.Frame.Function); share >= 0.01 {
			s.Reasons = append(s.Reasons, fmt.Sprintf("%s and what it calls takes %s of the processor time in the CPU profile, besides the scheduler's part for waking it",
				shortName(s.Frame.Function), words.Percent(share)))
		}
	}
}

// grownAtFloor is the part of the goroutines' growth that was there when the floor
// was: of a growth that goes on, the quietest tenth of the window is its
// beginning. In production that is nearly all.
func (r *Report) grownAtFloor() float64 {
	m := r.Manifest
	if r.Goroutine == nil || !r.Goroutine.HasBase {
		return 1
	}
	at := m.Opened.Add(-time.Duration(m.Idle.WindowNS) / 10 * 9)
	then := profile.Count(profile.Unknown)
	for _, h := range history(m) {
		if h.Goroutines.Known() && !h.Time.After(at) {
			then = h.Goroutines
		}
	}
	total := r.Goroutine.Total
	part := float64(int64(then)-total.Before) / float64(max(total.Growth(), 1))
	if !then.Known() || part < 0.05 || part > 1 {
		return 1
	}
	return part
}

func couldTick(s *incident.Suspect) bool {
	return s.Kind == profile.Goroutine && s.Value.Growth() > 0 && mayTick(s.Wait)
}

// processorShare is the part of the CPU profile that a function of the user's
// code takes.
func (r *Report) processorShare(function string) float64 {
	if r.CPU == nil || r.CPU.Total.After <= 0 {
		return 0
	}
	var n int64
	for _, s := range r.CPU.Sites {
		if s.Frame.Function == function {
			n += s.Value.After
		}
	}
	return float64(n) / float64(r.CPU.Total.After)
}

// often says how many times per second something happens.
func often(perSecond float64) string {
	switch {
	case perSecond >= 1.5:
		return fmt.Sprintf("about %v times a second", profile.Count(math.Round(perSecond)))
	case perSecond >= 0.75:
		return "about once a second"
	default:
		return fmt.Sprintf("about every %.0f s", 1/perSecond)
	}
}

// accuseTicks is the headline of goroutines that tick.
func (r *Report) accuseTicks(s incident.Suspect) string {
	before := "before"
	if c := r.Goroutine; c != nil && c.HasBase && !c.BaseTime.IsZero() && c.NowTime.After(c.BaseTime) {
		before = words.Span(c.NowTime.Sub(c.BaseTime)) + " before"
	}
	return fmt.Sprintf("%v more goroutines tick in %s than %s, %s each: %s", profile.Count(s.Value.Growth()), r.place(s.Frame), before, often(s.TicksPerSecond), idleSentence(r.Manifest.Idle))
}

// sentence says what the process uses at its quietest, such as '9.1% of a core
// when all is quiet, before it was 0.4%'.
func idleSentence(i *incident.IdleUse) string {
	now, before := i.CPU.String(), i.CPUBefore.String()
	if !i.CPU.Known() {
		now, before = i.Wakeups.String()+" wake-ups a second", i.WakeupsBefore.String()
	}
	if i.CPU < 1000 { // the same unit
		before = strings.TrimSuffix(before, ofCore)
	}
	return fmt.Sprintf("%s when all is quiet, before it was %s", now, before)
}

// summary is the same as a fact of a report.
func idleSummary(i *incident.IdleUse) string {
	text := fmt.Sprintf("%v, before %v", i.CPU, i.CPUBefore)
	if i.Wakeups.Known() {
		text += fmt.Sprintf("; %v wake-ups a second, before %v", i.Wakeups, i.WakeupsBefore)
	}
	return text
}

// idleDoubts is what speaks against believing a report of idle CPU.
func idleDoubts(m incident.Manifest) (doubts []string) {
	if !aboutIdle(m) {
		return nil
	}
	if m.Process.AsyncTimers {
		doubts = append(doubts, "GODEBUG=asynctimerchan=1 is in force: a ticker that nobody stops ticks for ever, also where no goroutine is left that waits for it, and no profile shows it")
	}
	return append(doubts, "load that rises also when all should be quiet looks the same: compare with the number of requests")
}
