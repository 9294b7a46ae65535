package guard

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// Config configures a guard. The zero Config is valid; each field documents what
// its zero value means.
type Config struct {
	// Dir is the folder for evidence. It is created with mode 0700. Start
	// refuses a folder that is a symbolic link, belongs to another user, or is
	// writable by others. If Dir cannot be written, the guard logs one warning
	// and runs without a disk. Zero: leakguard/<executable> in os.UserCacheDir;
	// if that cannot be used, leakguard-<uid>/<executable> in os.TempDir; if
	// neither can, no disk.
	Dir string

	// Off makes Start return a nil Guard, whose methods do nothing.
	Off bool

	// Limit is the memory limit of the process, in bytes. It may be below the one
	// at which the kernel kills: once memory has been above it for 10 s, the guard
	// uses memory for captures and reports within what the kernel's limit leaves.
	// Zero: the cgroup's limit, else the host's memory. GOMEMLIMIT is always used as well, as the
	// limit of the Go heap.
	Limit int64

	// Rules decide when an incident opens. Nil: [DefaultRules] for the limits
	// that the guard finds, adjusted by Lines. Empty but not nil: no rules, so
	// all captures are manual.
	Rules []Rule
	// Lines replaces the lines of some default rules. It must be zero if Rules
	// is set. Zero: the lines of [DefaultRules].
	Lines Lines

	// Sinks receive the events of incidents. There may be 64 sinks. Their names
	// must be unique and have 1 to 64 bytes. Nil: no sinks.
	Sinks []Sink

	// OnPressure is called once for each episode of pressure, so that the service
	// can stop accepting work, finish what it has, and leave before it is killed.
	// It runs on its own goroutine, one call at a time, and a panic is recovered.
	// ctx has the predicted end of the process as its deadline, if there is one.
	// ctx is cancelled when the episode ends and by Close. Close does not wait for
	// OnPressure, so OnPressure may call Close. Zero: no call.
	OnPressure func(ctx context.Context, p Pressure)
	// Pressure sets the lines at which pressure begins and ends. Zero: the
	// defaults in [PressureLines].
	Pressure PressureLines
	// Relief is what the guard itself does under pressure. Zero: nothing.
	Relief Relief

	// Logger receives the guard's log: Info at Start, Warn for incidents and
	// losses, Debug for every decision. Its handler runs on its own goroutine, so
	// it may block or fail. The queue holds 256 lines; further lines are dropped
	// and counted (Counters.DroppedLogLines). Zero: slog.Default.
	Logger *slog.Logger

	// Interval is the time between readings while the process is calm, from 10 ms
	// to 1 minute. Readings come more often while the process works or grows
	// towards a line. Zero: 1 s.
	Interval time.Duration
	// PollOnly stops the guard from using the process's CPU clock, which notices
	// work early but needs a thread that waits for a real-time signal. It has an
	// effect on Linux only. Zero: the CPU clock is used.
	PollOnly bool
	// NoForcedGC stops the guard from calling runtime.GC. Heap profiles then lag
	// up to two GC cycles behind, and a heap that fills fast with garbage is
	// mistaken for a leak. Zero: each baseline forces a GC cycle, and so does each
	// capture while there is headroom.
	NoForcedGC bool

	// FloorWindow is the window over which [CPUFloor] and [WakeupFloor] are
	// measured, in 60 slices. It must be at least 1 s, at least ten times Interval,
	// and at most 24 h. Zero: 1 h.
	FloorWindow time.Duration

	// KeepBytes bounds the size of Dir, in bytes; at least 1 MiB. Zero: 256 MiB,
	// or 64 MiB if Dir is in memory (tmpfs).
	KeepBytes int64
	// KeepIncidents is the number of incidents to keep. Zero: 20.
	KeepIncidents int
	// KeepAge is how long an incident is kept. Negative: without limit. Zero: 30
	// days.
	KeepAge time.Duration

	// CapturesPerHour is the budget for captures by rules. It refills evenly.
	// Zero: 6.
	CapturesPerHour int
	// CPUProfile is the duration of a CPU profile, at most 1 minute. Zero: 5 s.
	CPUProfile time.Duration
	// CaptureOnSignal captures a heap and a goroutine profile on SIGUSR1. It is
	// supported on Unix only. Zero: the signal is not handled.
	CaptureOnSignal bool
	// NoCensus stops the guard from counting goroutines by the place where they
	// wait. Zero: a census is taken once a minute, or less often to stay under
	// 0.1% of a core.
	NoCensus bool
	// NoReports stops the guard from explaining incidents. Profiles are saved, but
	// not compared, and no report is written. Zero: each incident is explained as
	// soon as its evidence is safe and there is enough memory, else by the next
	// Start.
	NoReports bool
	// GoroutineLeak allows profiles of kind [profile.GoroutineLeak] and adds one
	// to each capture of goroutines, if the toolchain supports them. In Go 1.26
	// the runtime throws if a goroutine marked as leaked is later woken through a
	// weak pointer. Zero: no such profiles.
	GoroutineLeak bool

	// NoBlackBox disables the black box, a file of 228 KiB in Dir from which the
	// next process learns how this one died ([PreviousDeath]). It also stops Start
	// from looking for the boxes of dead processes. Zero: each reading and decision
	// is written to the box, which takes about 1 µs.
	NoBlackBox bool
	// CrashOutput makes the Go runtime write the trace of a fatal panic to a file
	// beside the black box as well, so that the next process can report the panic.
	// It uses [runtime/debug.SetCrashOutput], which is process-wide: it replaces
	// the program's own setting, and of several guards only the first has it. It
	// stays set after Close, because Close may have been deferred and run by a
	// panic. Zero: a panic cannot be told from a SIGKILL, and a panic that runs a
	// deferred Close counts as a clean exit.
	CrashOutput bool

	// Service and Version name the process in manifests. Zero: the name of the
	// executable, and the main module's version.
	Service, Version string

	// CloseTimeout is the longest time that Close takes. Zero: 5 s.
	CloseTimeout time.Duration
}

// Lines replaces the lines of some default rules.
type Lines struct {
	// MemoryShare is the line of rule 'memory', as a share of the limit, more
	// than 0 and at most 1. Zero: the line of [DefaultRules].
	MemoryShare float64
	// LiveHeap is the line of rule 'live-heap', in bytes. Zero: the line of
	// [DefaultRules].
	LiveHeap int64
	// Goroutines is the line of rule 'goroutines', a count. Zero: the line of
	// [DefaultRules].
	Goroutines int64
}

// The names of the default rules that Lines and the environment can change.
const (
	ruleMemory     = "memory"
	ruleLiveHeap   = "live-heap"
	ruleGoroutines = "goroutines"
)

// rules returns a rule for each line that is set.
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

// overlay replaces the rules whose names occur in with, and appends the others.
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

// withDefaults replaces zero values by their defaults. It leaves out Rules, which
// need the limits, and Dir, which openStore resolves by trying.
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
