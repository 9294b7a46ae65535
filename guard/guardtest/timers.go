package guardtest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// NoTimerLeak fails the test if timers or tickers that were made since are still
// there when it has ended, and names the lines that made them. Call it at the top of a
// test. It finds
//
//   - a [time.AfterFunc] that waits, also one that sets itself again, and with it a
//     context.WithTimeout that is not cancelled;
//   - a [time.Timer] or [time.Ticker] that something still refers to.
//
// Since Go 1.23 a channel timer that nothing refers to is collected, running or
// not, and is no leak; with GODEBUG=asynctimerchan=1 it stays, and is found.
//
// The source is the heap profile, as the runtime does not tell its timers:
// it knows that a timer is there, and not that it runs. One that was stopped
// and is kept on purpose, in a pool for example, is reported as well. For the profile to have each of
// them, [runtime.MemProfileRate] is 1 until the test has ended, and then what it was: allocation
// is several times slower meanwhile, and a heap profile that is written later
// overstates what was allocated. What timers of time.Sleep and of the deadlines of
// connections do is not known: they belong to goroutines, see [VerifyNone], and
// descriptors, see [NoDescriptorLeak]. Nor is that of a testing/synctest bubble.
//
// Timers belong to the whole process: those that are found while another test uses this package
// fail as inconclusive, so do not call it from a parallel test. It has the option
// [Patience]: timers that fire within it are no leak. Idle connections of
// http.DefaultTransport, which have one each, are closed first. The cost is that of two garbage
// collections and a heap profile, twice.
func NoTimerLeak(t TestingT, opts ...Option) {
	t.Helper()
	o, err := buildOptions(forNoTimerLeak, opts)
	if err != nil {
		t.Errorf("guardtest: %v", err)
		return
	}
	a := enter(t)
	fullRate.acquire()
	made := recordedTimers()
	t.Cleanup(func() {
		t.Helper()
		defer a.leave()
		fullRate.release()
		left, err := awaitTimers(made, o.patience)
		switch {
		case err != nil:
			t.Errorf("guardtest: NoTimerLeak: %v", err)
		case len(left) > 0:
			t.Errorf("guardtest: %s", timerText(left, a.with()))
		}
	})
}

// timerAllocators is what all timers but a goroutine's own are made by.
var timerAllocators = []string{"time.newTimer"}

// recordedTimers notes the timers there are. A processor's list of timers is
// allocated in the same function, and stays when they have gone: only the line tells
// one from the other.
func recordedTimers() allocations {
	sample := sampleTimers()
	made := recordedAllocations(timerAllocators)
	made.sampleOf = ownPackage + "sampleTimers"
	for _, t := range sample {
		t.Stop()
	}
	return made
}

//go:noinline
func sampleTimers() []*time.Timer {
	sample := make([]*time.Timer, 64)
	for i := range sample {
		sample[i] = time.NewTimer(time.Hour)
	}
	return sample
}

// awaitTimers returns where timers were made that are there when the patience has
// ended.
func awaitTimers(made allocations, patience time.Duration) ([]site, error) {
	if made.base == nil {
		return nil, errors.New("there is no heap profile to see timers in")
	}
	deadline := time.Now().Add(patience)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		closeIdleConnections() // each has a timer that ends it
		left, err := made.since()
		if err != nil || len(left) == 0 || !time.Now().Before(deadline) {
			return left, err
		}
		time.Sleep(min(pause, time.Until(deadline)))
	}
}

func timerText(left []site, company string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "\n  "+format, args...) }
	if company != "" {
		b.WriteString("inconclusive: ")
	}
	var n int64
	for _, s := range left {
		n += s.n
	}
	number := "a timer that was made in this test is"
	if n > 1 {
		number = fmt.Sprintf("%d timers that were made in this test are", n)
	}
	fmt.Fprintf(&b, "%s still there: %s\n", number, inPlace(left[0].frame))
	writeSites(line, left, func(s site) string { return fmt.Sprintf("%6s", profile.Count(s.n)) })
	b.WriteString("\n")
	if company != "" {
		line("%s used guardtest at the same time: they may be its. Do not call", company)
		line("NoTimerLeak from a parallel test.")
	} else {
		line("stop them, or let go of those that are stopped; the profile does not tell these apart")
	}
	return b.String()
}
