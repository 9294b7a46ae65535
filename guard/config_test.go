package guard

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// golden compares with a file below testdata. What was got instead is written
// beside it, to be looked at and, if it is right, renamed.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	want, err := os.ReadFile(path)
	if err == nil && strings.ReplaceAll(string(want), "\r\n", "\n") == got {
		return
	}
	beside := filepath.Join("testdata", ".got-"+name+".golden")
	if werr := os.WriteFile(beside, []byte(got), 0o600); werr != nil {
		t.Error(werr)
	}
	t.Errorf("%s is not what was got (%v); compare it with %s:\n%s", path, err, beside, got)
}

type namedSink string

func (s namedSink) Name() string                         { return string(s) }
func (s namedSink) Deliver(context.Context, Event) error { return nil }

// allWrong has a fault in every field that can have one.
func allWrong(dir string) Config {
	return Config{
		Dir: dir, Limit: -1, Interval: time.Millisecond, KeepBytes: 1 << 10, KeepIncidents: -1,
		CapturesPerHour: 3601, CPUProfile: time.Hour, CloseTimeout: -time.Second,
		NoBlackBox: true, CrashOutput: true,
		Lines:    Lines{MemoryShare: 1.5, LiveHeap: -1, Goroutines: -1},
		Pressure: PressureLines{Share: -1, Floor: 2, Hold: -time.Second}, Relief: Relief{MemoryLimit: 90},
		Rules: []Rule{
			{},
			{Name: "Memory!", Signal: 99, Line: Absolute(0), Floor: TimeToLimit(time.Second), For: -1, Recover: 2, Hold: -1, Cooldown: -1, Capture: 1 << 12},
			{Name: "a", Signal: Goroutines, Line: ShareOfLimit(1.5), Floor: ShareOfLimit(0.5)},
			{Name: "a", Signal: LiveHeap, Line: TimeToLimit(0)},
			{Name: "manual", Signal: Memory, Line: Growth(0.5, -1)},
			{Name: "nan", Signal: Memory, Line: ShareOfLimit(math.NaN()), Recover: math.NaN()},
		},
		Sinks: []Sink{nil, namedSink(""), namedSink("log"), namedSink("log")},
	}
}

func TestConfigTellsEveryFaultAtOnce(t *testing.T) {
	err := allWrong("/nowhere").validate()
	if err == nil {
		t.Fatal("a Config with everything wrong is valid")
	}
	golden(t, "config-all-wrong", err.Error()+"\n")
}

// Each fault alone is found, and named with its value.
func TestConfigFaults(t *testing.T) {
	rule := func(change func(*Rule)) Config {
		r := Rule{Name: "a", Signal: Memory, Line: Absolute(1)}
		change(&r)
		return Config{Rules: []Rule{r}}
	}
	for _, test := range []struct {
		c    Config
		want string // field and value
	}{
		{Config{Limit: -5}, "Limit: -5: want"},
		{Config{Interval: 9 * time.Millisecond}, "Interval: 9ms: want 10ms to 1m0s"},
		{Config{Interval: 61 * time.Second}, "Interval: 1m1s: want"},
		{Config{Interval: -1}, "Interval: -1ns: want"},
		{Config{FloorWindow: 9 * time.Second}, "FloorWindow: 9s: want 10s, which is ten times Interval, to 24h0m0s (0: 1h0m0s)"},
		{Config{FloorWindow: 2 * time.Second, Interval: 300 * time.Millisecond}, "FloorWindow: 2s: want 3s"},
		{Config{FloorWindow: 500 * time.Millisecond, Interval: 10 * time.Millisecond}, "FloorWindow: 500ms: want 1s"},
		{Config{FloorWindow: 25 * time.Hour}, "FloorWindow: 25h0m0s: want"},
		{Config{Rules: []Rule{{Name: "a", Signal: CPUFloor, Line: ShareOfLimit(0.5)}}}, "Rules[0].Line: 50% of the limit: want an amount; signal CPU floor has no limit"},
		{Config{KeepBytes: 1<<20 - 1}, "KeepBytes: 1048575: want"},
		{Config{KeepBytes: -1}, "KeepBytes: -1: want"},
		{Config{KeepIncidents: -1}, "KeepIncidents: -1: want"},
		{Config{CapturesPerHour: -1}, "CapturesPerHour: -1: want"},
		{Config{CapturesPerHour: 3601}, "CapturesPerHour: 3601: want"},
		{Config{CPUProfile: 61 * time.Second}, "CPUProfile: 1m1s: want"},
		{Config{CPUProfile: -1}, "CPUProfile: -1ns: want"},
		{Config{CloseTimeout: -1}, "CloseTimeout: -1ns: want"},
		{Config{Lines: Lines{MemoryShare: -0.1}}, "Lines.MemoryShare: -0.1: want"},
		{Config{Lines: Lines{MemoryShare: math.NaN()}}, "Lines.MemoryShare: NaN: want"},
		{Config{Lines: Lines{LiveHeap: -1}}, "Lines.LiveHeap: -1: want"},
		{Config{Lines: Lines{Goroutines: -1}}, "Lines.Goroutines: -1: want"},
		{Config{Pressure: PressureLines{Share: 1.1}}, "Pressure.Share: 1.1: want"},
		{Config{Pressure: PressureLines{Floor: math.NaN()}}, "Pressure.Floor: NaN: want"},
		{Config{Pressure: PressureLines{Hold: -1}}, "Pressure.Hold: -1ns: want"},
		{Config{Relief: Relief{MemoryLimit: -0.1}}, "Relief.MemoryLimit: -0.1: want"},
		{Config{NoBlackBox: true, CrashOutput: true}, "CrashOutput: true: want false with NoBlackBox"},
		{Config{Rules: []Rule{}, Lines: Lines{Goroutines: 1}}, "Lines: "},
		{Config{Sinks: []Sink{nil}}, "Sinks[0]: nil: want a Sink"},
		{Config{Sinks: []Sink{namedSink("")}}, `Sinks[0].Name(): "": want`},
		{Config{Sinks: []Sink{namedSink("x"), namedSink("x")}}, `Sinks[1].Name(): "x": want`},
		{rule(func(r *Rule) { r.Name = "" }), `Rules[0].Name: "": want`},
		{rule(func(r *Rule) { r.Name = strings.Repeat("a", 33) }), `Rules[0].Name: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": want`},
		{rule(func(r *Rule) { r.Name = "../a" }), `Rules[0].Name: "../a": want`},
		{rule(func(r *Rule) { r.Signal = 0 }), "Rules[0].Signal: not set: want one of the signals"},
		{rule(func(r *Rule) { r.Signal = -1 }), "Rules[0].Signal: Signal(-1): want"},
		{rule(func(r *Rule) { r.Line = Line{} }), "Rules[0].Line: unset: want a line"},
		{rule(func(r *Rule) { r.Line = Absolute(-1) }), "Rules[0].Line: "},
		{rule(func(r *Rule) { r.Line = ShareOfLimit(0) }), "Rules[0].Line: 0% of the limit: want"},
		{rule(func(r *Rule) { r.Line = Growth(math.Inf(1), 0) }), "Rules[0].Line: "},
		{rule(func(r *Rule) { r.Line = Growth(math.NaN(), 0) }), "Rules[0].Line: "},
		{rule(func(r *Rule) { r.Signal, r.Line = Threads, ShareOfLimit(0.5) }), "Rules[0].Line: 50% of the limit: want an amount; signal threads has no limit"},
		{rule(func(r *Rule) { r.Signal, r.Line = LiveHeap, TimeToLimit(time.Second) }), "Rules[0].Line: "},
		{rule(func(r *Rule) { r.Floor = TimeToLimit(time.Second) }), "Rules[0].Floor: "},
		{rule(func(r *Rule) { r.For = -1 }), "Rules[0].For: -1ns: want"},
		{rule(func(r *Rule) { r.Recover = 1.1 }), "Rules[0].Recover: 1.1: want"},
		{rule(func(r *Rule) { r.Recover = math.NaN() }), "Rules[0].Recover: NaN: want"},
		{rule(func(r *Rule) { r.Hold = -1 }), "Rules[0].Hold: -1ns: want"},
		{rule(func(r *Rule) { r.Cooldown = -1 }), "Rules[0].Cooldown: -1ns: want"},
		{rule(func(r *Rule) { r.Capture = 1 << 9 }), "Rules[0].Capture: 0x200: want"},
	} {
		err := test.c.validate()
		if err == nil || !strings.Contains(err.Error(), "\n"+test.want) || !strings.HasPrefix(err.Error(), "guard: ") || !strings.Contains(err.Error(), "faults in Config: 1:") {
			t.Errorf("got %q\nwant one fault: %q", err, test.want)
		}
	}
}

func TestConfigValid(t *testing.T) {
	for name, c := range map[string]Config{
		"zero": {},
		"bounds": {Interval: shortestInterval, KeepBytes: 1 << 20, CapturesPerHour: 3600, CPUProfile: time.Minute, KeepAge: -1,
			Lines: Lines{MemoryShare: 1, LiveHeap: 1, Goroutines: 1}, Pressure: PressureLines{Share: 1, Time: -1, Floor: 1, Hold: 1}, Relief: Relief{MemoryLimit: 1}},
		"no rules": {Rules: []Rule{}},
		"every line": {Rules: []Rule{
			{Name: "a", Signal: Memory, Line: Absolute(1), Floor: Growth(1, 0), Recover: 1},
			{Name: "b-2", Signal: Memory, Line: TimeToLimit(1), Floor: ShareOfLimit(1)},
			{Name: strings.Repeat("c", 32), Signal: HostMemory, Line: ShareOfLimit(0.001), Capture: KindsOf(profile.Kinds()...)},
		}, Sinks: []Sink{namedSink("a"), namedSink("b")}},
	} {
		if err := c.validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A guard that Start refuses has started nothing: no goroutine, no folder.
func TestStartRefusedStartsNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evidence")
	before := runtime.NumGoroutine()
	for range 10 {
		g, err := Start(allWrong(dir))
		if g != nil || err == nil {
			t.Fatalf("got %v, %v", g, err)
		}
	}
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder was made: %v", err)
	}
	// Goroutines of earlier tests may still be ending; ten guards would have
	// added thirty.
	if after := runtime.NumGoroutine(); after >= before+10 {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
	// The faults come before the off switch: a typo must not wait for the day
	// on which it is switched on.
	if g, err := Start(Config{Off: true, Limit: -1}); g != nil || err == nil {
		t.Errorf("off and wrong: %v, %v", g, err)
	}
	if g, err := Start(Config{Off: true, Dir: dir}); g != nil || err != nil {
		t.Errorf("off: %v, %v", g, err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("off, and the folder was made: %v", err)
	}
}

func TestOverlay(t *testing.T) {
	rules := []Rule{{Name: "a", Line: Absolute(1)}, {Name: "b", Line: Absolute(2)}}
	got := overlay(rules, []Rule{{Name: "b", Line: Absolute(3)}, {Name: "c", Line: Absolute(4)}})
	want := []Rule{{Name: "a", Line: Absolute(1)}, {Name: "b", Line: Absolute(3)}, {Name: "c", Line: Absolute(4)}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if rules[1].Line != Absolute(2) {
		t.Error("the caller's rules were changed")
	}
}

func TestRuleIsAPrintableComparableValue(t *testing.T) {
	a := Rule{Name: "memory", Signal: Memory, Line: ShareOfLimit(0.9), Floor: Absolute(1 << 20)}
	b := a
	if a != b {
		t.Error("equal rules differ")
	}
	for want, got := range map[string]string{
		"memory: memory at 90% of the limit, not below 1.0 MiB":                       a.String(),
		"goroutines: goroutines at 4 times the baseline and at least 10,000 above it": Rule{Name: "goroutines", Signal: Goroutines, Line: Growth(4, 10_000)}.String(),
		"heap: live heap at 400.0 MiB":                                                Rule{Name: "heap", Signal: LiveHeap, Line: Absolute(400 << 20)}.String(),
		"growth: live heap at 4 times the baseline and at least 512.0 MiB above it":   Rule{Name: "growth", Signal: LiveHeap, Line: Growth(4, 512<<20)}.String(),
		"ttl: memory at 250ms to the limit, not below 50% of the limit":               Rule{Name: "ttl", Signal: Memory, Line: TimeToLimit(250 * time.Millisecond), Floor: ShareOfLimit(0.5)}.String(),
		"unset":      Line{}.String(),
		"heap+cpu":   KindsOf(profile.CPU, profile.Heap).String(),
		"Signal(99)": Signal(99).String(),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// The events' and signals' names are in logs and in delivery.json.
func TestNames(t *testing.T) {
	for s := Memory; s < signals; s++ {
		if s.String() == "" || strings.HasPrefix(s.String(), "Signal(") {
			t.Errorf("signal %d has no name", int(s))
		}
	}
	var b bytes.Buffer
	for k := Opened; k < eventKinds; k++ {
		b.WriteString(k.String() + " ")
	}
	if got := b.String(); got != "opened captured escalated explained recovered previous-death " {
		t.Errorf("events are called %s", got)
	}
}
