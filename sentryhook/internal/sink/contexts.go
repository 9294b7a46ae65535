package sink

import (
	"fmt"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// maxSites is how many sites of waiting goroutines an event names.
const maxSites = 5

// contexts are the blocks of facts below an event. Amounts are texts, such as '471.0
// MiB': Sentry shows contexts as they are, and cannot search for numbers in them.
func contexts(e guard.Event, p plan) map[string]sentry.Context {
	all := map[string]sentry.Context{
		"incident":   incidentContext(e),
		"memory":     memoryContext(e.Incident.Reading),
		"goroutines": goroutineContext(e.Incident.Reading),
		"limits":     limitContext(e.Incident.Reading, p.manifest.Limits),
		"suspects":   suspectContext(e.Incident, p.manifest.GoroutineSites),
		"evidence":   p.context(e.Incident),
		"death":      deathContext(e.Incident.Death),
	}
	for name, c := range all {
		for key, v := range c {
			if s, ok := v.(string); ok && s == "" {
				delete(c, key)
			}
		}
		if len(c) == 0 {
			delete(all, name)
		}
	}
	return all
}

func incidentContext(e guard.Event) sentry.Context {
	i := e.Incident
	c := sentry.Context{
		"id": i.ID, "rule": i.Rule, "trigger": string(i.Trigger),
		"reason": oneLine(i.Reason, 1<<10), "opened": stamp(i.Opened), "recovered": stamp(i.Recovered),
		"value": signalText(i.Signal, i.Value), "peak": signalText(i.Signal, i.Peak),
	}
	if i.Trigger == incident.TriggerRule && !e.Redelivered {
		c["signal"] = i.Signal.String()
	} else {
		// A manifest does not have the signal, and a capture by hand has none.
		delete(c, "value")
		delete(c, "peak")
	}
	if i.Duration > 0 {
		c["duration"] = i.Duration.Round(time.Millisecond).String()
	}
	if e.Reason != i.Reason {
		c["why"] = oneLine(e.Reason, 1<<10)
	}
	return c
}

// deathContext says what the previous process died of.
func deathContext(d *incident.Death) sentry.Context {
	if d == nil {
		return nil
	}
	c := sentry.Context{
		"cause": string(d.Cause), "certain": d.Certain, "because": oneLine(d.Why, 1<<10), "panic": oneLine(d.Panic, 1<<10),
		"last sample": d.LastSample.UTC().Format(time.RFC3339Nano), "found": d.Found.UTC().Format(time.RFC3339Nano),
		"host": oneLine(d.Elsewhere, maxTag), "in the last 24 h": d.Series.Count,
		"evidence": oneLine(strings.Join(d.Incidents, ", "), 1<<10),
	}
	if d.Lived > 0 {
		c["lived"] = d.Lived.Round(time.Millisecond).String()
	}
	if d.Series.Every > 0 {
		c["one every"] = d.Series.Every.Round(time.Second).String()
	}
	return c
}

func memoryContext(r incident.Reading) sentry.Context {
	return amounts(map[string]profile.Bytes{
		"unreclaimable": r.Unreclaimable, "limit": r.Limit,
		"live heap": r.HeapLive, "heap objects": r.HeapAlloc, "stacks": r.StackInuse,
		"go runtime": r.Sys, "resident set": r.RSS,
		"cgroup usage": r.CgroupUsage, "cgroup anonymous": r.CgroupAnon, "cgroup file": r.CgroupFile,
	})
}

func goroutineContext(r incident.Reading) sentry.Context {
	c := make(sentry.Context)
	for name, n := range map[string]profile.Count{
		"all": r.Goroutines, "running": r.GoroutinesRunning, "runnable": r.GoroutinesReady,
		"waiting": r.GoroutinesWaiting, "in cgo or a system call": r.GoroutinesNotInGo, "created": r.GoroutinesCreated,
		"threads": r.Threads,
	} {
		if n.Known() {
			c[name] = n.String()
		}
	}
	return c
}

func limitContext(r incident.Reading, found []incident.MemoryLimit) sentry.Context {
	c := amounts(map[string]profile.Bytes{"memory": r.Limit, "GOMEMLIMIT": r.MemoryLimit, "host, available": r.HostAvailable})
	for _, l := range found {
		if l.Bytes.Known() {
			text := l.Bytes.String()
			if l.Path != "" {
				text += " (" + l.Path + ")"
			}
			c[oneLine(l.Source, maxTag)] = oneLine(text, maxTag)
		}
	}
	return c
}

func suspectContext(i guard.Incident, sites []incident.GoroutineSite) sentry.Context {
	c := sentry.Context{"headline": oneLine(i.Headline, 1<<10), "function": suspectOf(i)}
	for n, s := range sites {
		if n == maxSites {
			break
		}
		c[fmt.Sprintf("goroutines %d", n+1)] = oneLine(fmt.Sprintf("%s wait in %s at %s (%s:%d), %s more since %s",
			profile.Count(s.Count), s.Wait, s.Frame.Function, s.Frame.File, s.Frame.Line, profile.Count(s.Grown), stamp(s.Since)), 1<<10)
	}
	return c
}

// amounts leaves out what is not known.
func amounts(from map[string]profile.Bytes) sentry.Context {
	c := make(sentry.Context)
	for name, b := range from {
		if b.Known() {
			c[name] = b.String()
		}
	}
	return c
}

func signalText(s guard.Signal, v int64) string {
	switch {
	case v < 0:
		return ""
	case s == guard.Goroutines || s == guard.Threads || s == guard.LeakedGoroutines:
		return profile.Count(v).String()
	case s == guard.CPUFloor:
		return profile.MilliCPU(v).String()
	case s == guard.WakeupFloor:
		return profile.Count(v).String() + "/s"
	}
	return profile.Bytes(v).String()
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
