package guardhttp

import (
	"fmt"
	"strings"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// status is the state in one sentence.
type status struct {
	// Level is 'incident', 'growing', 'calm', or 'unknown' if there are no readings.
	Level string `json:"level"`
	// Sentence has figures. Title is short and changes only when the state does, so
	// that a screen reader can read it out.
	Sentence string `json:"sentence"`
	Title    string `json:"title"`
}

const (
	levelIncident = "incident"
	levelGrowing  = "growing"
	levelCalm     = "calm"
	levelUnknown  = "unknown"
)

// stopped is the age of the last reading above which the guard counts as stopped. It
// takes at least one reading a minute.
const stopped = 150 * time.Second

// judge summarizes the state.
func judge(there bool, s *guard.Snapshot, rate float64, incidents []entry, now time.Time) status {
	switch {
	case !there:
		return status{levelUnknown, "This process has no guard: Config.Off is set, or Start has failed.", "No guard"}
	case s.Reading.Time.IsZero():
		return status{levelUnknown, "The guard has just started; there is no reading yet.", "Starting"}
	case now.Sub(s.Reading.Time) > stopped:
		return status{levelUnknown, fmt.Sprintf("The guard has stopped; its last reading was at %s.", s.Reading.Time.UTC().Format("2006-01-02 15:04:05 UTC")), "The guard has stopped"}
	}
	memory := memoryWords(s)
	if i := worst(s, incidents); i != nil {
		what := i.Reason
		title := "Incident: rule " + i.Rule
		if i.Headline != "" {
			what, title = i.Headline, i.Headline
		}
		return status{levelIncident, sentence(what, memory, futureWords(s, rate), recoveryWords(s)), title}
	}
	if s.Pressure.Under {
		return status{levelGrowing, sentence("Memory is under pressure: "+s.Pressure.Last.Reason, futureWords(s, rate)), "Memory is under pressure"}
	}
	for _, site := range s.GoroutineSites {
		if site.Leaking {
			what := fmt.Sprintf("%s goroutines are piling up in %s", profile.Count(site.Count), site.Frame.Function)
			return status{levelGrowing, sentence(what, memory), "Goroutines are piling up"}
		}
	}
	for _, t := range s.Trends {
		if t.State != "calm" {
			title := strings.ToUpper(t.Signal[:1]) + t.Signal[1:] + " is " + string(t.State)
			what := fmt.Sprintf("%s is %s by %s an hour", t.Signal, t.State, amount(t.Slope, t.Unit))
			if t.State == "growing" {
				what += "; it is too early to tell whether it leaks"
			}
			return status{levelGrowing, sentence(what, memory), title}
		}
	}
	parts := []string{calmWords(len(s.Rules)), memory}
	if v := s.Verdict; v.Class != incident.VerdictUnknown && v.Class != incident.VerdictCalm {
		parts[1] = v.Text // it includes the figures
	}
	title := "Calm"
	if last := lastOf(incidents, now); last != nil {
		parts = append(parts, lastWords(last, now))
	}
	return status{levelCalm, sentence(parts...), title}
}

func calmWords(rules int) string {
	switch rules {
	case 0:
		return "There are no rules, so no incident can open"
	case 1:
		return "Calm: the only rule has not crossed its line"
	default:
		return fmt.Sprintf("Calm: none of %d rules has crossed its line", rules)
	}
}

// worst returns the open incident to show: one with a report, else the oldest.
func worst(s *guard.Snapshot, incidents []entry) *entry {
	var found *entry
	for i := range incidents { // newest first
		x := &incidents[i]
		if !x.Open {
			continue
		}
		if x.Headline == "" && x.Evidence != "" {
			for j := range incidents {
				if incidents[j].ID == x.Evidence {
					copied := *x
					copied.Headline = incidents[j].Headline
					x = &copied
					break
				}
			}
		}
		if found == nil || x.Headline != "" || found.Headline == "" {
			found = x
		}
	}
	return found
}

// recoveryWords says so if every open rule is below its line again.
func recoveryWords(s *guard.Snapshot) string {
	open := 0
	for i := range s.Rules {
		r := &s.Rules[i]
		if !r.Open {
			continue
		}
		if r.Level < 0 || r.Value < 0 || r.Value >= r.Level {
			return ""
		}
		open++
	}
	if open == 0 {
		return ""
	}
	return "it is below the line again, and the incident closes if it stays there"
}

// lastOf returns the newest incident of the last day that was not manual.
func lastOf(incidents []entry, now time.Time) *entry {
	for i := range incidents {
		if x := &incidents[i]; x.Trigger != incident.TriggerManual && x.Trigger != incident.TriggerSignal && now.Sub(x.Opened) < 24*time.Hour {
			return x
		}
	}
	return nil
}

func lastWords(last *entry, now time.Time) string {
	what := last.Headline
	if what == "" {
		what = last.Reason
	}
	if what != "" {
		what = ": " + what
	}
	switch {
	case last.Trigger == incident.TriggerDeath:
		return "but the previous process died " + ago(now.Sub(last.Opened)) + what
	case last.Ended != nil && last.Ours:
		return "the last incident ended " + ago(now.Sub(*last.Ended)) + what
	case last.Ended != nil:
		return "an incident of another process ended " + ago(now.Sub(*last.Ended)) + what
	case last.Ours:
		return "the last incident opened " + ago(now.Sub(last.Opened)) + what
	default:
		return "but an incident of another process, opened " + ago(now.Sub(last.Opened)) + ", was never closed" + what
	}
}

// memoryWords says how much memory is in use.
func memoryWords(s *guard.Snapshot) string {
	m := s.Reading.Unreclaimable
	switch {
	case !m.Known():
		if s.Reading.HeapLive.Known() {
			return fmt.Sprintf("the live heap is %v", s.Reading.HeapLive)
		}
		return ""
	case s.Limits.Kill > 0:
		return fmt.Sprintf("memory is at %.0f%% of %v", 100*float64(m)/float64(s.Limits.Kill), profile.Bytes(s.Limits.Kill))
	default:
		return fmt.Sprintf("memory is at %v and no limit is known", m)
	}
}

// futureWords says when memory is full, if that is soon.
func futureWords(s *guard.Snapshot, rate float64) string {
	left, ok := timeLeft(s, rate)
	// A rate over ten seconds says nothing about the next hour.
	if !ok || left > 15*time.Minute {
		return ""
	}
	return "at the present rate it is full in " + words.Span(max(left, 0))
}

// sentence joins the parts that are not empty.
func sentence(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		p = strings.TrimSuffix(strings.TrimSpace(p), ".")
		if p == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(p)
	}
	return b.String() + "."
}

func amount(v float64, unit profile.Unit) string {
	switch unit {
	case profile.UnitBytes:
		return profile.Bytes(max(v, 0)).String()
	case profile.UnitMilliCPU:
		return fmt.Sprintf("%.3g%% of a core", v/10)
	case profile.UnitPerSecond:
		return fmt.Sprintf("%.3g a second", v)
	default:
		return fmt.Sprintf("%.3g", v)
	}
}

func ago(d time.Duration) string { return words.Span(max(d, 0)) + " ago" }
