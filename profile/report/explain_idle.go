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
	// leastTickers is the smallest number of goroutines to call ticking.
	leastTickers = 10
	// How often one of them may be woken, per second. Less than once in two
	// minutes is noise; more often than a millisecond ticker is work.
	slowestTick = 1.0 / 120
	fastestTick = 2000.0
	// confidenceTicks is the confidence in goroutines that explain the
	// wake-ups. That says more than mere growth, and less than that they never
	// end.
	confidenceTicks = 0.8
)

// aboutIdle reports whether the incident is about what the process does when
// idle.
func aboutIdle(m incident.Manifest) bool {
	return m.Idle != nil && (m.Unit == profile.UnitMilliCPU || m.Unit == profile.UnitPerSecond)
}

// mayTick reports whether a timer may wake a goroutine in this wait again and
// again. No profile says which channel belongs to a ticker.
func mayTick(wait string) bool {
	switch wait {
	case frames.ChanReceive, frames.Select, frames.Sleep, frames.CondWait, frames.Running:
		return true
	}
	return false
}

// addTicks finds the goroutines that explain why an idle process is woken: they
// grew, they wait for something that timers wake, and the wake-ups grew with
// them.
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
		testify(s, fmt.Sprintf("as they grew, idle wake-ups rose from %v to %v a second: %s each",
			max(idle.WakeupsBefore, 0), idle.Wakeups, often(each)))
		if share := r.cpuShare(s.Frame.Function); share >= 0.01 {
			s.Reasons = append(s.Reasons, fmt.Sprintf("%s and its callees take %s of the CPU profile, not counting the scheduler's work to wake it",
				shortName(s.Frame.Function), words.Percent(share)))
		}
	}
}

// grownAtFloor returns the part of the goroutines' growth that existed at the
// quietest time. If the growth goes on, the quietest tenth of the window is its
// beginning. In production that is nearly all of the growth.
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

// cpuShare returns the part of the CPU profile that a function of the
// user's code takes.
func (r *Report) cpuShare(function string) float64 {
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

// often says how often something happens.
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

// accuseTicks returns the headline for goroutines that tick.
func (r *Report) accuseTicks(s incident.Suspect) string {
	before := "before"
	if c := r.Goroutine; c != nil && c.HasBase && !c.BaseTime.IsZero() && c.NowTime.After(c.BaseTime) {
		before = words.Span(c.NowTime.Sub(c.BaseTime)) + " ago"
	}
	return fmt.Sprintf("%v more goroutines tick in %s than %s, each %s: %s", profile.Count(s.Value.Growth()), r.place(s.Frame), before, often(s.TicksPerSecond), idleSentence(r.Manifest.Idle))
}

// idleSentence says what the process uses when idle, such as '9.1% of a core
// when idle, compared with 0.4% before'.
func idleSentence(i *incident.IdleUse) string {
	now, before := i.CPU.String(), i.CPUBefore.String()
	if !i.CPU.Known() {
		now, before = i.Wakeups.String()+" wake-ups a second", i.WakeupsBefore.String()
	}
	if i.CPU < 1000 { // the same unit
		before = strings.TrimSuffix(before, ofCore)
	}
	return fmt.Sprintf("%s when idle, compared with %s before", now, before)
}

// idleSummary is the same as a fact of a report.
func idleSummary(i *incident.IdleUse) string {
	text := fmt.Sprintf("%v (%v before)", i.CPU, i.CPUBefore)
	if i.Wakeups.Known() {
		text += fmt.Sprintf("; %v wake-ups a second (%v before)", i.Wakeups, i.WakeupsBefore)
	}
	return text
}

// idleDoubts returns the reasons to doubt a report about idle CPU use.
func idleDoubts(m incident.Manifest) (doubts []string) {
	if !aboutIdle(m) {
		return nil
	}
	if m.Process.AsyncTimers {
		doubts = append(doubts, "GODEBUG=asynctimerchan=1 is set: a ticker that is never stopped ticks forever, even if no goroutine waits for it, and no profile shows it")
	}
	return append(doubts, "a rise in background load looks the same: compare with the number of requests")
}
