package guard

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// lineKind is the kind of a line.
type lineKind int

const (
	lineUnset lineKind = iota
	lineAbsolute
	lineShare
	lineGrowth
	lineTimeToLimit
	lineGrowing
)

// Line is the level at which a rule's incident opens. Make one with [Absolute],
// [ShareOfLimit], [Growth], [TimeToLimit] or [Growing].
type Line struct {
	kind   lineKind
	amount int64         // absolute value, or least growth
	ratio  float64       // share of the limit, or growth factor
	time   time.Duration // to the limit
}

// Absolute is a line at n, in the signal's unit.
func Absolute(n int64) Line { return Line{kind: lineAbsolute, amount: n} }

// ShareOfLimit is a line at a share of the signal's limit, such as 0.9. If the limit is
// unknown, the line is never crossed.
func ShareOfLimit(share float64) Line { return Line{kind: lineShare, ratio: share} }

// Growth is a line at factor times the signal's baseline, and at least least above it, in the
// signal's unit. The baseline is the value about a minute after Start, when the process is
// warm and calm, and until then the first known value. It is not updated later, because that
// would hide a slow leak.
func Growth(factor float64, least int64) Line {
	return Line{kind: lineGrowth, ratio: factor, amount: least}
}

// TimeToLimit is a line that is crossed when the signal, at its present rate, would reach
// its limit within d plus the expected duration of a capture. Only [Memory] may have it.
//
// A rate is extrapolated for eight times the span over which it was measured, so 5 ms of
// growth predict the next 40 ms but not the next minute. The signal must also have risen
// enough in that span: by 8 MiB, or a sixteenth of a limit below 128 MiB, or a twentieth of
// a limit above 160 MiB. A forced GC decides whether the growth is a leak or garbage, while
// the evidence is already being captured. Garbage opens no incident.
func TimeToLimit(d time.Duration) Line { return Line{kind: lineTimeToLimit, time: d} }

// Growing is a line that is crossed when the signal's trend is a leak. Its floors must rise
// significantly over hours, by more than warm-up, a daily swing, a sawtooth or a single step
// explains, and by at least 1 MiB, ten goroutines, 2% of a core or 100 wake-ups per second.
// That takes at least 22 hours of history, because the load of a morning looks the same
// before that, and usually one to two days.
//
// It is available for the signals LiveHeap, Goroutines, NonGo, CPUFloor and WakeupFloor, and
// checked every half hour. For CPUFloor it is crossed only while the wake-up floor rises as
// well: a growing cache makes requests more expensive, but causes no wake-ups. If the number
// of goroutines leaks at the same time, it is enough that both floors rise.
func Growing() Line { return Line{kind: lineGrowing} }

// IsZero reports whether the line is not set.
func (l Line) IsZero() bool { return l.kind == lineUnset }

// String describes the line, such as '90% of the limit'.
func (l Line) String() string {
	return l.text(func(n int64) string { return strconv.FormatInt(n, 10) })
}

// text describes the line, with amounts formatted by the function.
func (l Line) text(format func(int64) string) string {
	switch l.kind {
	case lineAbsolute:
		return format(l.amount)
	case lineShare:
		return fmt.Sprintf("%.4g%% of the limit", l.ratio*100)
	case lineGrowth:
		return fmt.Sprintf("%.4g times the baseline and at least %s above it", l.ratio, format(l.amount))
	case lineTimeToLimit:
		return fmt.Sprintf("%v to the limit", l.time)
	case lineGrowing:
		return "a trend that leaks"
	default:
		return "unset"
	}
}

// KindSet is a set of profile kinds. The zero value means heap and
// goroutine.
type KindSet uint16

// KindsOf returns the set of the given kinds.
func KindsOf(kinds ...profile.Kind) KindSet {
	var s KindSet
	for _, k := range kinds {
		s |= 1 << k
	}
	return s
}

// Has reports whether the kind is in the set.
func (s KindSet) Has(k profile.Kind) bool { return s&(1<<k) != 0 }

// Kinds returns the set's members in the order in which they are captured.
func (s KindSet) Kinds() []profile.Kind {
	var kinds []profile.Kind
	for s := uint16(s); s != 0; s &= s - 1 {
		kinds = append(kinds, profile.Kind(bits.TrailingZeros16(s)))
	}
	return kinds
}

// String lists the members, such as 'heap+goroutine'.
func (s KindSet) String() string {
	names := make([]string, 0, 2)
	for _, k := range s.Kinds() {
		names = append(names, k.String())
	}
	return strings.Join(names, "+")
}

// Rule decides when an incident opens and closes, and what is captured. Rules are comparable
// with == and have no callbacks.
//
// An incident opens when the signal has been at or above Line for the time For. It closes
// when the signal has been below the recovery line for the time Hold.
type Rule struct {
	// Name identifies the rule in logs, events and folder names. It has 1 to 32
	// characters of a-z, 0-9 and '-', and must be unique among the rules of a guard. The
	// name 'manual' is reserved.
	Name string
	// Signal is the quantity to watch. Required.
	Signal Signal
	// Line is the line at which an incident opens. Required.
	Line Line
	// Floor is a second line that the signal must have reached as well. It may not be a
	// TimeToLimit or Growing. Zero: no floor.
	Floor Line
	// For is how long the signal must be at or above Line before an incident opens.
	// Zero: one reading is enough.
	For time.Duration
	// Recover sets the recovery line to this fraction of Line, between 0 and 1. For a
	// TimeToLimit, the signal is below the recovery line when the time left is more than
	// Line's time divided by Recover. Zero: 0.9, or 0.1 for a TimeToLimit.
	Recover float64
	// Hold is how long the signal must stay below the recovery line before the incident
	// closes. Zero: 30 s, or 6 h for Growing.
	Hold time.Duration
	// Cooldown is the time after saved evidence in which no new evidence is captured for
	// this rule, unless things have become much worse (see the package documentation).
	// Zero: 1 h.
	Cooldown time.Duration
	// Capture is the set of profiles to capture. Zero: heap and goroutine.
	Capture KindSet
}

// String describes the rule in one line.
func (r Rule) String() string {
	s := fmt.Sprintf("%s: %s at %s", r.Name, r.Signal, r.Line.text(r.Signal.format))
	if !r.Floor.IsZero() {
		s += fmt.Sprintf(", not below %s", r.Floor.text(r.Signal.format))
	}
	return s
}

// slow reports whether the rule is about a trend over hours and days.
func (r Rule) slow() bool {
	return r.Line.kind == lineGrowing || r.Signal == LeakedGoroutines || r.Signal.isFloor()
}

const (
	defaultRecover     = 0.9
	defaultRecoverTime = 0.1
	defaultHold        = 30 * time.Second
	defaultCooldown    = time.Hour
	// defaultTrendHold is long, because a trend near the threshold may change between
	// one check, every half hour, and the next.
	defaultTrendHold = 6 * time.Hour
)

// withDefaults replaces zero values by their defaults.
func (r Rule) withDefaults() Rule {
	if r.Recover == 0 {
		r.Recover = defaultRecover
		if r.Line.kind == lineTimeToLimit {
			r.Recover = defaultRecoverTime
		}
	}
	if r.Hold == 0 {
		r.Hold = defaultHold
		if r.Line.kind == lineGrowing {
			r.Hold = defaultTrendHold
		}
	}
	if r.Cooldown == 0 {
		r.Cooldown = defaultCooldown
	}
	if r.Capture == 0 {
		r.Capture = KindsOf(profile.Heap, profile.Goroutine)
	}
	return r
}
