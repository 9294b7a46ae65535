package guard

import (
	"runtime"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// A process that lives above Config.Limit is not killed there, and the guard may use what
// the kernel's limit leaves.
func TestSoftLimit(t *testing.T) {
	const none = profile.Unknown
	inGroup := Limits{Kill: 100 * mib, KillSource: sourceConfig, GOMEMLIMIT: none, Host: 8000 * mib, inCgroup: true, cgroup: 512 * mib}
	onHost := Limits{Kill: 100 * mib, KillSource: sourceConfig, GOMEMLIMIT: none, Host: 8000 * mib}
	kernels := Limits{Kill: 100 * mib, KillSource: "cgroup v2", GOMEMLIMIT: none, Host: 8000 * mib, inCgroup: true, cgroup: 100 * mib}
	for name, test := range map[string]struct {
		limits    Limits
		available profile.Bytes
		memory    func(second int) int64 // MiB
		soft      int                    // the first second; -1: never
		spare     int64                  // at the end
	}{
		"in a cgroup":            {inGroup, 4000 * mib, func(int) int64 { return 319 }, 10, 193 * mib},
		"the host is nearly out": {inGroup, 30 * mib, func(int) int64 { return 319 }, 10, 30 * mib},
		"on the host":            {onHost, 4000 * mib, func(int) int64 { return 319 }, 10, 4000 * mib},
		"nothing is known":       {onHost, none, func(int) int64 { return 319 }, 10, none},
		"below it":               {inGroup, 4000 * mib, func(int) int64 { return 90 }, -1, 10 * mib},
		"for moments only":       {inGroup, 4000 * mib, func(i int) int64 { return 90 + 20*int64(i%10/5) }, -1, 0},
		"and below it again":     {inGroup, 4000 * mib, func(i int) int64 { return 150 - int64(i/20)*100 }, 10, 462 * mib},
		"the kernel's limit":     {kernels, 4000 * mib, func(int) int64 { return 101 }, -1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			o, soft := newObserver(), -1
			for i := range 30 {
				r := incident.NewReading(time.Time{})
				r.Unreclaimable, r.HostAvailable = profile.Bytes(test.memory(i)*mib), test.available
				o.observe(time.Duration(i)*time.Second, &r, &test.limits, 0, 0, true)
				if o.view.soft && soft < 0 {
					soft = i
				}
			}
			if soft != test.soft || o.view.spare != test.spare {
				t.Errorf("soft after %d s with %d MiB to spare, want %d s and %d", soft, o.view.spare/mib, test.soft, test.spare/mib)
			}
			if (soft >= 0) != o.view.soft {
				t.Error("it is hard again")
			}
			r := incident.NewReading(time.Time{})
			r.Unreclaimable = 200 * mib
			other := test.limits
			other.Kill = 150 * mib
			if o.observe(time.Minute, &r, &other, 0, 0, true); o.view.soft {
				t.Error("another limit is soft at once")
			}
		})
	}
}

// Above a soft limit an incident gets its evidence and its report from this process.
func TestExplainedAboveASoftLimit(t *testing.T) {
	usual := softAfter
	t.Cleanup(func() { softAfter = usual }) // after the guard is closed
	softAfter = 300 * time.Millisecond
	box := newMailbox("box")
	g, book := startGuard(t, Config{Limit: tight, Interval: shortestInterval, Sinks: []Sink{box},
		Rules: []Rule{{Name: "memory", Signal: Memory, Line: ShareOfLimit(0.9)}}})
	defer func() { leaked = nil; runtime.GC() }()
	leakHere(16)
	e := box.next(t, Opened)
	select {
	case x := <-box.explained:
		if x.Incident.ID != e.Incident.ID || x.Incident.Headline == "" {
			t.Errorf("explained: %+v", x.Incident)
		}
	case <-time.After(longWait):
		t.Fatalf("no report; %+v", g.Snapshot().Rules)
	}
	if !g.Snapshot().Rules[0].Open {
		t.Error("the incident is over")
	}
	waitFor(t, "the word", func() bool {
		book.mu.Lock()
		defer book.mu.Unlock()
		for _, line := range book.lines {
			if len(line) > 60 && line[:50] == "INFO leakguard: memory has been above Config.Limit for 10 s"[:50] {
				return true
			}
		}
		return false
	})
}
