package postmortem

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/leakguard/leakguard/internal/blackbox"
	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

const (
	// mostReadings and mostPoints are the most readings and points in a manifest.
	mostReadings = 60
	mostPoints   = 240
)

// About describes the process in its box.
type About struct {
	Process incident.Process       `json:"process"`
	Build   incident.Build         `json:"build"`
	Limits  []incident.MemoryLimit `json:"limits"`
}

// Here describes where the process runs that found a death.
type Here struct {
	Header blackbox.Header
	Host   string
	Kills  Kills
	Now    time.Time
}

// Manifest makes the incident of a death from its box. id is the unique part of the box's
// name, so that a death has the same ID whichever process reports it.
func Manifest(r *blackbox.Record, id, crash string, at Here) (m incident.Manifest) {
	h := &r.Header
	readings, before := Readings(h.Columns, r.Recent)
	minutes, _ := Readings(h.Columns, r.Minutes)
	var about About
	_ = json.Unmarshal(h.About, &about) // another version may have written it; use what can be parsed
	died := r.Last()
	if died.IsZero() {
		died = h.Started
	}
	own := layout.NewID(died, incident.RulePreviousDeath)
	if len(id) > 4 {
		own = own[:len(own)-4] + id[len(id)-4:]
	}
	m = incident.Manifest{
		ID: own, Rule: incident.RulePreviousDeath, Trigger: incident.TriggerDeath, Opened: died,
		Peak: profile.Unknown, Unit: profile.UnitBytes,
		History: history(minutes, readings), Limits: about.Limits, Build: about.Build, Process: about.Process,
	}
	for _, n := range r.Notes {
		m.Decisions = append(m.Decisions, incident.Decision{Time: n.Time, Text: n.Text})
	}
	m.Readings = readings[max(0, len(readings)-mostReadings):]
	for _, r := range readings {
		m.Peak = max(m.Peak, int64(r.Unreclaimable))
	}
	d := &incident.Death{
		LastSample: died, Found: at.Now, Lived: max(died.Sub(h.Started), 0),
		Memory: profile.Unknown, Limit: profile.Unknown, Panic: panicLine(crash),
	}
	if n := len(readings); n > 0 {
		d.Memory, d.Limit = readings[n-1].Unreclaimable, readings[n-1].Limit
	}
	d.Rate, d.Every = lastRate(readings)
	sameBoot := h.Boot != "" && h.Boot == at.Header.Boot
	sameGroup := h.GroupID != "" && h.GroupID == at.Header.GroupID && h.Group == at.Header.Group
	if killed, _ := rose(before.Group, at.Kills.Group, sameBoot && sameGroup); killed > 0 {
		d.Memory += notReclaimed(about.Limits, readings)
	}
	f := Facts{
		Panicked: crash != "",
		SameBoot: sameBoot, OtherBoot: h.Boot != "" && at.Header.Boot != "" && !sameBoot,
		Elsewhere: h.Host != at.Host,
		SameGroup: sameGroup,
		Before:    before, Now: at.Kills,
		Near: nearLimit(d.Memory, d.Limit, d.Rate, d.Every),
	}
	if d.Memory.Known() && d.Limit > 0 {
		f.Full = int(100 * float64(d.Memory) / float64(d.Limit))
	}
	d.Cause, d.Certain, d.Why = Judge(f)
	if f.Elsewhere {
		d.Elsewhere = h.Host
	}
	m.Death = d
	return m
}

// notReclaimed is the kernel's memory at the last reading that was thought to be
// reclaimable. On cgroup v1 that is an estimate, and the kernel has killed instead.
func notReclaimed(limits []incident.MemoryLimit, readings []incident.Reading) profile.Bytes {
	if len(readings) == 0 || !slices.ContainsFunc(limits, func(l incident.MemoryLimit) bool { return l.Source == "cgroup v1" }) {
		return 0
	}
	last := &readings[len(readings)-1]
	if !last.Unreclaimable.Known() {
		return 0
	}
	return max(last.CgroupKernelReclaimable, 0)
}

// history returns the points for a chart of the process's life: one a minute, and at the end
// as many as fit.
func history(minutes, recent []incident.Reading) (points []incident.HistoryPoint) {
	add := func(r *incident.Reading) {
		points = append(points, incident.HistoryPoint{Time: r.Time, Memory: r.Unreclaimable, LiveHeap: r.HeapLive, Goroutines: r.Goroutines})
	}
	for i := range minutes {
		if len(recent) == 0 || minutes[i].Time.Before(recent[0].Time) {
			add(&minutes[i])
		}
	}
	room := max(mostPoints-len(points), mostPoints/2)
	step := (len(recent) + room - 1) / room
	for i := range recent {
		if step <= 1 || (len(recent)-1-i)%step == 0 { // always includes the last one
			add(&recent[i])
		}
	}
	return points[max(0, len(points)-mostPoints):]
}
