package diff

import (
	"fmt"
	"math"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// doubts returns the doubts that the headers of the two profiles raise.
func (d *diff) doubts() (doubts []string) {
	say := func(format string, args ...any) { doubts = append(doubts, fmt.Sprintf(format, args...)) }
	if d.base == nil {
		say("there is no baseline: everything counts as growth")
	} else {
		if len(d.base.Sample) == 0 {
			say("the baseline is empty: everything counts as growth")
		}
		if b, n := d.c.BaseTime, d.c.NowTime; !b.IsZero() && !n.IsZero() && b.After(n) {
			say("the baseline is %v newer than the profile: the two may be swapped", b.Sub(n).Round(time.Second))
		}
		switch bFile, bID, nFile, nID := mainBinary(d.base, d.now); {
		case bFile != nFile && bFile != "" && nFile != "" && bID != nID:
			say("the baseline comes from another program: %.100s, not %.100s", bFile, nFile)
		case bID != nID && bID != "" && nID != "":
			say("the baseline comes from another build of the program: lines may have moved, functions may have new names")
		}
	}
	if d.c.Kind == profile.Heap {
		if b, n := period(d.base), period(d.now); d.base != nil && b != n {
			say("the sampling rates differ, %v and %v a sample: small growth may be an artefact", profile.Bytes(b), profile.Bytes(n))
		}
		switch n := d.cfg.StaleCycles; {
		case n == 1:
			say("the profile is one GC cycle old: it lacks the latest growth")
		case n > 1:
			say("the profile is %s GC cycles old: it lacks the latest growth", inWords(n))
		}
	}
	if d.scale != 1 {
		say("the baseline covers %v, the profile %v: the baseline is scaled to match",
			time.Duration(d.base.DurationNanos).Round(time.Millisecond), time.Duration(d.now.DurationNanos).Round(time.Millisecond))
	} else if d.c.Kind == profile.CPU && d.base != nil && (d.base.DurationNanos <= 0 || d.now.DurationNanos <= 0) {
		say("a CPU profile does not say how long it lasted: values are compared unscaled")
	}
	return doubts
}

func inWords(n int) string {
	if words := []string{"no", "one", "two", "three", "four", "five"}; n < len(words) {
		return words[n]
	}
	return profile.Count(n).String()
}

// afterthoughts returns the doubts that the result raises.
func (d *diff) afterthoughts() (doubts []string) {
	const (
		material = 16 << 20 // less is not worth mentioning
		// With GOGC=100 a process needs twice its live heap. Growth beyond
		// three times that of the heap has another cause.
		garbage = 3
	)
	if grown, memory := d.c.Total.Growth(), int64(d.cfg.MemoryGrowth); d.c.Kind == profile.Heap && d.c.HasBase &&
		memory > material && float64(memory) > garbage*math.Max(0, float64(grown)) {
		doubts = append(doubts, fmt.Sprintf("the growth is outside the Go heap: process memory grew by %v, the heap in use %s",
			profile.Bytes(memory), grewBy(grown)))
	}
	// A warning in every report says nothing. The default rate only matters if
	// little grew.
	if rate := period(d.now); d.c.Kind == profile.Heap && rate > 1 && (rate > 512<<10 || d.c.Total.Growth() < 32*rate) {
		doubts = append(doubts, fmt.Sprintf("the sampling rate hides sites that hold less than about %v", profile.Bytes(rate)))
	}
	if n := d.flames.cut; n > 0 {
		doubts = append(doubts, fmt.Sprintf("the profiles are too large for the flame graph: it lacks %v stacks", profile.Count(n)))
	}
	if n := d.shortened; n > 0 {
		doubts = append(doubts, fmt.Sprintf("the profiles are too large: of %v stacks only the innermost %d frames count", profile.Count(n), shortStack))
	}
	if d.clamped {
		doubts = append(doubts, "values of the profile are out of range: sums are cut off")
	}
	return doubts
}

func grewBy(n int64) string {
	if n < 0 {
		return fmt.Sprintf("shrank by %v", profile.Bytes(-max(n, -math.MaxInt64)))
	}
	return fmt.Sprintf("grew by %v", profile.Bytes(n))
}
