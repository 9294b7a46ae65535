package guard

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
)

// faults collects the faults of a configuration.
type faults []error

// check records a fault of a field if ok is false.
func (f *faults) check(ok bool, field string, value any, allowed string) {
	if !ok {
		*f = append(*f, fmt.Errorf("%s: %v: want %s", field, value, allowed))
	}
}

// validate returns an error with every fault, or nil.
func (c Config) validate() error {
	var f faults
	f.check(c.Limit >= 0, "Limit", c.Limit, "bytes, at least 0 (0: found automatically)")
	f.check(c.Interval == 0 || c.Interval >= shortestInterval && c.Interval <= longestInterval,
		"Interval", c.Interval, fmt.Sprintf("%v to %v (0: %v)", shortestInterval, longestInterval, defaultInterval))
	leastWindow := max(leastFloorWindow, leastSlices*max(c.Interval, 0))
	if c.Interval == 0 {
		leastWindow = leastSlices * defaultInterval
	}
	f.check(c.FloorWindow == 0 || c.FloorWindow >= leastWindow && c.FloorWindow <= longestFloorWindow,
		"FloorWindow", c.FloorWindow, fmt.Sprintf("%v, which is ten times Interval, to %v (0: %v)", leastWindow, longestFloorWindow, defaultFloorWindow))
	f.check(c.KeepBytes == 0 || c.KeepBytes >= leastKeepBytes, "KeepBytes", c.KeepBytes, "bytes, at least 1 MiB (0: 256 MiB)")
	f.check(c.KeepIncidents >= 0, "KeepIncidents", c.KeepIncidents, "at least 0 (0: 20)")
	f.check(c.CapturesPerHour >= 0 && c.CapturesPerHour <= 3600, "CapturesPerHour", c.CapturesPerHour, "0 to 3600 (0: 6)")
	f.check(c.CPUProfile >= 0 && c.CPUProfile <= longestCPUProfile, "CPUProfile", c.CPUProfile, "0 to 1m0s (0: 5s)")
	f.check(c.CloseTimeout >= 0, "CloseTimeout", c.CloseTimeout, "at least 0 (0: 5s)")
	f.check(!c.CrashOutput || !c.NoBlackBox, "CrashOutput", c.CrashOutput, "false with NoBlackBox, because the trace is stored with the black box")
	f.check(!c.CaptureOnSignal || haveCaptureSignal, "CaptureOnSignal", c.CaptureOnSignal, "false on this system, which has no SIGUSR1")

	f.check(isShare(c.Lines.MemoryShare), "Lines.MemoryShare", c.Lines.MemoryShare, "more than 0, at most 1 (0: the default rule)")
	f.check(c.Lines.LiveHeap >= 0, "Lines.LiveHeap", c.Lines.LiveHeap, "bytes, at least 0 (0: the default rule)")
	f.check(c.Lines.Goroutines >= 0, "Lines.Goroutines", c.Lines.Goroutines, "at least 0 (0: the default rule)")
	f.check(c.Rules == nil || c.Lines == Lines{}, "Lines", fmt.Sprintf("%+v", c.Lines), "unset together with Rules; set the lines of Rules instead")

	c.Pressure.validate(&f)
	f.check(isShare(c.Relief.MemoryLimit), "Relief.MemoryLimit", c.Relief.MemoryLimit, "more than 0, at most 1 (0: unchanged)")

	names := make(map[string]bool)
	for i, r := range c.Rules {
		field := fmt.Sprintf("Rules[%d]", i)
		r.validate(&f, field)
		f.check(!names[r.Name], field+".Name", strconv.Quote(r.Name), "a name that no other rule has")
		names[r.Name] = true
	}
	clear(names)
	f.check(len(c.Sinks) <= mostSinks, "Sinks", len(c.Sinks), fmt.Sprintf("at most %d", mostSinks))
	for i, s := range c.Sinks {
		field := fmt.Sprintf("Sinks[%d]", i)
		if s == nil {
			f.check(false, field, "nil", "a Sink")
			continue
		}
		name := s.Name()
		if s, ok := s.(sinkWithName); ok && s.fault != nil {
			f.check(false, field+".Name()", s.fault, "a name")
			continue
		}
		f.check(name != "" && len(name) <= mostSinkName, field+".Name()", strconv.Quote(name), fmt.Sprintf("a name of 1 to %d bytes", mostSinkName))
		f.check(!names[name], field+".Name()", strconv.Quote(name), "a name that no other sink has")
		names[name] = true
	}
	if len(f) == 0 {
		return nil
	}
	return fmt.Errorf("guard: faults in Config: %d:\n%w", len(f), errors.Join(f...))
}

func (r Rule) validate(f *faults, field string) {
	err := layout.ValidLabel(r.Name)
	f.check(err == nil && r.Name != manualRule, field+".Name", strconv.Quote(r.Name), "1 to 32 of a-z, 0-9 and '-', not 'manual'")
	known := r.Signal > 0 && r.Signal < signals
	f.check(known, field+".Signal", r.Signal, "one of the signals")
	f.check(!r.Line.IsZero(), field+".Line", r.Line, "a line")
	f.check(r.Floor.kind != lineTimeToLimit && r.Floor.kind != lineGrowing, field+".Floor", r.Floor, "an amount, not a time to the limit or a trend")
	r.Line.validate(f, field+".Line")
	r.Floor.validate(f, field+".Floor")
	if known {
		f.check(r.Line.kind != lineTimeToLimit || r.Signal == Memory, field+".Line", r.Line, "an amount; a time to the limit is available only for signal memory")
		f.check(r.Line.kind != lineGrowing || r.Signal.hasTrend(), field+".Line", r.Line, "an amount; trends are available only for live heap, goroutines, non-Go memory and the floors of CPU and wake-ups")
		f.check(r.Line.kind != lineShare || !r.Signal.counts() && !r.Signal.isFloor(), field+".Line", r.Line, fmt.Sprintf("an amount; signal %s has no limit", r.Signal))
		f.check(r.Floor.kind != lineShare || !r.Signal.counts() && !r.Signal.isFloor(), field+".Floor", r.Floor, fmt.Sprintf("an amount; signal %s has no limit", r.Signal))
	}
	f.check(r.For >= 0, field+".For", r.For, "at least 0")
	f.check(r.Recover >= 0 && r.Recover <= 1, field+".Recover", r.Recover, "0 to 1 (0: 0.9, for a time to the limit 0.1)")
	f.check(r.Hold >= 0, field+".Hold", r.Hold, "at least 0 (0: 30s, for a trend 6h0m0s)")
	f.check(r.Cooldown >= 0, field+".Cooldown", r.Cooldown, "at least 0 (0: 1h0m0s)")
	f.check(r.Capture&^KindsOf(profile.Kinds()...) == 0, field+".Capture", fmt.Sprintf("%#x", uint16(r.Capture)), "kinds of profile, made with KindsOf")
}

func (l Line) validate(f *faults, field string) {
	switch l.kind {
	case lineAbsolute:
		f.check(l.amount > 0, field, l, "more than 0")
	case lineShare:
		f.check(l.ratio > 0 && isShare(l.ratio), field, l, "a share of more than 0, at most 1")
	case lineGrowth:
		f.check(l.ratio >= 1 && !math.IsInf(l.ratio, 0), field, l, "a factor of at least 1")
		f.check(l.amount >= 0, field, l, "a minimum growth of at least 0")
	case lineTimeToLimit:
		f.check(l.time > 0, field, l, "a time of more than 0")
	}
}

func isShare(x float64) bool { return x >= 0 && x <= 1 }
