package guardtest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// NoTimerLeak fails the test if timers or tickers that were created during the test
// still exist after it has ended, and names the lines that created them. Call it at
// the top of a test. It finds
//
//   - a [time.AfterFunc] that is pending, including one that resets itself, and
//     therefore a context.WithTimeout that is not cancelled;
//   - a [time.Timer] or [time.Ticker] that is still referenced.
//
// Since Go 1.23 a channel timer that nothing refers to is collected, running or
// not, and is no leak. With GODEBUG=asynctimerchan=1 it stays, and is found.
//
// The source is the heap profile, because the runtime does not list its timers. It
// shows that a timer exists, not that it runs. A stopped timer that is kept on
// purpose, for example in a pool, is reported as well. To record every timer,
// NoTimerLeak sets [runtime.MemProfileRate] to 1 until the test has ended.
// Meanwhile allocation is several times slower, and a heap profile that is written
// later overstates what was allocated. It cannot see the timers of time.Sleep and
// of connection deadlines, which belong to goroutines (see [VerifyNone]) and
// descriptors (see [NoDescriptorLeak]), nor those in a testing/synctest bubble.
//
// Timers belong to the whole process. If a leak is found while another test uses
// this package, the failure is marked inconclusive, so do not call NoTimerLeak from
// a parallel test. The only option is [Patience]: timers that fire within it are no
// leak. Idle connections of http.DefaultTransport, which have a timer each, are
// closed first. The cost is two garbage collections and a heap profile, twice.
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
			t.Errorf("guardtest: %s", timerText(left, a.concurrent()))
		}
	})
}

// timerAllocators allocate all timers except a goroutine's own.
var timerAllocators = []string{"time.newTimer"}

// recordedTimers records the existing timers. A processor's list of timers is
// allocated in the same function and stays when they are gone. Only the line
// distinguishes the two.
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

// awaitTimers returns where timers were created that still exist when the patience
// ends.
func awaitTimers(made allocations, patience time.Duration) ([]site, error) {
	if made.base == nil {
		return nil, errors.New("there is no heap profile to find timers in")
	}
	deadline := time.Now().Add(patience)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		closeIdleConnections() // each has a timer that closes it
		left, err := made.since()
		if err != nil || len(left) == 0 || !time.Now().Before(deadline) {
			return left, err
		}
		time.Sleep(min(pause, time.Until(deadline)))
	}
}

func timerText(left []site, otherTest string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "\n  "+format, args...) }
	if otherTest != "" {
		b.WriteString("inconclusive: ")
	}
	var n int64
	for _, s := range left {
		n += s.n
	}
	what := "a timer created in this test still exists"
	if n > 1 {
		what = fmt.Sprintf("%d timers created in this test still exist", n)
	}
	fmt.Fprintf(&b, "%s: %s\n", what, inPlace(left[0].frame))
	writeSites(line, left, func(s site) string { return fmt.Sprintf("%6s", profile.Count(s.n)) })
	b.WriteString("\n")
	if otherTest != "" {
		line("%s used guardtest at the same time and may have created them. Do not call", otherTest)
		line("NoTimerLeak from a parallel test.")
	} else {
		line("stop them, and drop references to stopped ones: the profile cannot tell the two apart")
	}
	return b.String()
}
