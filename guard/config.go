package guard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
)

// Config configures a guard. Its zero value is a working guard; each field says
// what its zero means.
type Config struct {
	// Dir is the folder of the evidence. It is created with mode 0700; one
	// that is a symbolic link, belongs to another user or can be written by
	// others is refused. Where it cannot be written the guard runs without
	// a disk and says so once. Zero: leakguard/<executable> in
	// os.UserCacheDir, or where that cannot be used
	// leakguard-<uid>/<executable> in os.TempDir; where neither can, without
	// a disk.
	Dir string

	// Off makes Start return a nil Guard, whose methods all do nothing.
	Off bool

	// Limit is the amount of memory, in bytes, that the process must stay
	// below. Zero: the cgroup's limit, else the host's memory; GOMEMLIMIT is
	// found as well, as the limit of the Go heap.
	Limit int64

	// Rules say when an incident opens. Nil: [DefaultRules] for the limits
	// that were found, with Lines laid over them. Empty but not nil: no
	// rules, captures are manual only.
	Rules []Rule
	// Lines move the lines of the default rules. They may not be set
	// together with Rules.
	Lines Lines

	// Sinks are told about incidents. Their names must differ and have 1 to 64 bytes.
	Sinks []Sink

	// OnPressure is called once for each episode of pressure, when the death
	// of the process is near: the service can stop taking work, finish what it
	// has, and leave before it is killed. It runs on a goroutine of its own,
	// and a panic is recovered; while it has not returned it is not called
	// again. ctx's deadline is the predicted death, if there is one, and ctx is
	// cancelled when pressure is over and by Close, which does not wait for
	// OnPressure: it may call Close itself. Zero: nobody is called.
	OnPressure func(ctx context.Context, p Pressure)
	// Pressure moves the lines at which pressure begins. Zero: as
	// [PressureLines] says.
	Pressure PressureLines
	// Relief is what the guard itself does under pressure. Zero: nothing.
	Relief Relief

	// Logger gets what an operator should know: Info on Start, Warn for
	// incidents and losses, Debug for every decision. Its handler is called by a
	// goroutine of its own, so it may block or fail; lines that find the queue
	// of 256 full are dropped and counted. Zero: slog.Default.
	Logger *slog.Logger

	// Interval is how often the process is looked at while it is calm, from
	// 10 ms to 1 minute. A process that works, or grows towards a line, is
	// looked at more often. Zero: 1 s.
	Interval time.Duration
	// PollOnly keeps the guard from using the process's CPU clock to notice
	// work early, which takes a thread that waits for a real-time signal
	// (Linux; elsewhere it is not used anyway). Zero: it is used.
	PollOnly bool
	// NoForcedGC keeps the guard from ever calling runtime.GC. Heap profiles
	// then lag up to two GC cycles behind, and garbage that fills the heap
	// fast is taken for a leak. Zero: a baseline, and a capture while there
	// is headroom, force one cycle each.
	NoForcedGC bool

	// FloorWindow is the time of which [CPUFloor] and [WakeupFloor] are the
	// quietest tenth, from 1 s and ten times Interval to 24 h. It is looked at in
	// 60 slices. Zero: 1 h.
	FloorWindow time.Duration

	// KeepBytes bounds the folder, in bytes; at least 1 MiB. Zero: 256 MiB;
	// a quarter of it where the folder lies in memory (tmpfs).
	KeepBytes int64
	// KeepIncidents is how many incidents are kept. Zero: 20.
	KeepIncidents int
	// KeepAge is how long an incident is kept; negative: however old. Zero:
	// 30 days.
	KeepAge time.Duration

	// CapturesPerHour is the budget of captures that rules may take; it
	// refills evenly. Zero: 6.
	CapturesPerHour int
	// CPUProfile is how long a CPU profile runs where a rule or Capture asks
	// for one, up to 1 minute. Zero: 5 s.
	CPUProfile time.Duration
	// CaptureOnSignal captures a heap and a goroutine profile on SIGUSR1
	// (unix). Zero: the signal is left alone.
	CaptureOnSignal bool
	// NoCensus keeps the guard from counting goroutines by the place where
	// they wait. Zero: a census is taken once a minute, or as much more
	// seldom as it takes to cost no more than 0.1% of a core.
	NoCensus bool
	// NoReports keeps the guard from explaining incidents: their profiles are
	// kept, but not compared, and no report is written. Zero: each incident is
	// explained as soon as its evidence is safe and there is memory for it,
	// or by the next Start.
	NoReports bool
	// GoroutineLeak allows profiles of kind [profile.GoroutineLeak], and adds
	// one to each capture of goroutines where the toolchain has them. A
	// goroutine that it marked as leaked and that is then woken through a
	// weak pointer makes the runtime of Go 1.26 throw. Zero: never.
	GoroutineLeak bool

	// NoBlackBox keeps the guard from writing its readings and decisions into a
	// file of 228 KiB in Dir, from which the next process tells what this one
	// died of ([PreviousDeath]), and from looking for those of others. Zero: it
	// writes each reading, in about 1 µs.
	NoBlackBox bool
	// CrashOutput has the Go runtime write the trace of a fatal panic into a file
	// beside the black box, too, so that the next process can tell of it
	// (runtime/debug.SetCrashOutput, which a process has one of: what the host has
	// set is replaced, and of several guards the first has it). It stays set after
	// Close, for a panic that runs a deferred Close is still on its way. Zero: a
	// panic is told from a SIGKILL by nothing, and where a deferred Close runs in it
	// it counts as an orderly end.
	CrashOutput bool

	// Service and Version name the process in manifests. Zero: the name of
	// the executable, and the main module's version.
	Service, Version string

	// CloseTimeout bounds Close. Zero: 5 s.
	CloseTimeout time.Duration
}

// Lines move the lines of the default rules.
type Lines struct {
	// MemoryShare is the line of rule 'memory', as a share of the limit
	// between 0 and 1. Zero: as [DefaultRules] says.
	MemoryShare float64
	// LiveHeap is the line of rule 'live-heap', in bytes. Zero: as
	// DefaultRules says.
	LiveHeap int64
	// Goroutines is the line of rule 'goroutines', a number. Zero: as
	// DefaultRules says.
	Goroutines int64
}

// The names of the default rules that Lines and the environment move.
const (
	ruleMemory     = "memory"
	ruleLiveHeap   = "live-heap"
	ruleGoroutines = "goroutines"
)

// rules returns what each set line stands for.
func (l Lines) rules() []Rule {
	var rules []Rule
	if l.MemoryShare != 0 {
		rules = append(rules, Rule{Name: ruleMemory, Signal: Memory, Line: ShareOfLimit(l.MemoryShare)})
	}
	if l.LiveHeap != 0 {
		rules = append(rules, Rule{Name: ruleLiveHeap, Signal: LiveHeap, Line: Absolute(l.LiveHeap)})
	}
	if l.Goroutines != 0 {
		rules = append(rules, Rule{Name: ruleGoroutines, Signal: Goroutines, Line: Absolute(l.Goroutines)})
	}
	return rules
}

// overlay replaces rules by those of the same name, and appends the others.
func overlay(rules, with []Rule) []Rule {
	out := append([]Rule(nil), rules...)
next:
	for _, w := range with {
		for i := range out {
			if out[i].Name == w.Name {
				out[i] = w
				continue next
			}
		}
		out = append(out, w)
	}
	return out
}

const (
	defaultCPUProfile   = 5 * time.Second
	longestCPUProfile   = time.Minute
	defaultCloseTimeout = 5 * time.Second
	longestInterval     = time.Minute
	leastKeepBytes      = 1 << 20
)

// withDefaults fills in what zero stands for, except for Rules, which wait for
// the limits, and Dir, which is tried out.
func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Interval == 0 {
		c.Interval = defaultInterval
	}
	if c.FloorWindow == 0 {
		c.FloorWindow = defaultFloorWindow
	}
	if c.CapturesPerHour == 0 {
		c.CapturesPerHour = defaultCapturesPerHour
	}
	if c.CPUProfile == 0 {
		c.CPUProfile = defaultCPUProfile
	}
	if c.CloseTimeout == 0 {
		c.CloseTimeout = defaultCloseTimeout
	}
	if c.Service == "" {
		c.Service = executable()
	}
	return c
}

func executable() string {
	path, err := os.Executable()
	if err != nil {
		return "unknown"
	}
	return filepath.Base(path)
}

// faults collects what is wrong with a configuration.
type faults []error

// check books a fault of a field unless ok holds.
func (f *faults) check(ok bool, field string, value any, allowed string) {
	if !ok {
		*f = append(*f, fmt.Errorf("%s: %v: want %s", field, value, allowed))
	}
}

// validate returns every fault at once, or nil.
func (c Config) validate() error {
	var f faults
	f.check(c.Limit >= 0, "Limit", c.Limit, "bytes, at least 0 (0: found)")
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
	f.check(!c.CrashOutput || !c.NoBlackBox, "CrashOutput", c.CrashOutput, "false beside NoBlackBox: the black box says whose trace it is")
	f.check(!c.CaptureOnSignal || haveCaptureSignal, "CaptureOnSignal", c.CaptureOnSignal, "false on this system, which has no SIGUSR1")

	f.check(isShare(c.Lines.MemoryShare), "Lines.MemoryShare", c.Lines.MemoryShare, "more than 0, at most 1 (0: the default rule)")
	f.check(c.Lines.LiveHeap >= 0, "Lines.LiveHeap", c.Lines.LiveHeap, "bytes, at least 0 (0: the default rule)")
	f.check(c.Lines.Goroutines >= 0, "Lines.Goroutines", c.Lines.Goroutines, "at least 0 (0: the default rule)")
	f.check(c.Rules == nil || c.Lines == Lines{}, "Lines", fmt.Sprintf("%+v", c.Lines), "none beside Rules: put the lines there")

	c.Pressure.validate(&f)
	f.check(isShare(c.Relief.MemoryLimit), "Relief.MemoryLimit", c.Relief.MemoryLimit, "more than 0, at most 1 (0: left alone)")

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
	f.check(r.Floor.kind != lineTimeToLimit && r.Floor.kind != lineGrowing, field+".Floor", r.Floor, "an amount, neither a time to the limit nor a trend")
	r.Line.validate(f, field+".Line")
	r.Floor.validate(f, field+".Floor")
	if known {
		f.check(r.Line.kind != lineTimeToLimit || r.Signal == Memory, field+".Line", r.Line, "an amount: a time to the limit is known of signal memory only")
		f.check(r.Line.kind != lineGrowing || r.Signal.hasTrend(), field+".Line", r.Line, "an amount: trends are known of live heap, goroutines, non-Go memory and the floors of CPU and wake-ups only")
		f.check(r.Line.kind != lineShare || !r.Signal.counts() && !r.Signal.isFloor(), field+".Line", r.Line, fmt.Sprintf("no share of the limit: %s have none", r.Signal))
		f.check(r.Floor.kind != lineShare || !r.Signal.counts() && !r.Signal.isFloor(), field+".Floor", r.Floor, fmt.Sprintf("no share of the limit: %s have none", r.Signal))
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
		f.check(l.amount >= 0, field, l, "a least growth of at least 0")
	case lineTimeToLimit:
		f.check(l.time > 0, field, l, "a time of more than 0")
	}
}

func isShare(x float64) bool { return x >= 0 && x <= 1 }
