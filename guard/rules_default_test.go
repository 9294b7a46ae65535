package guard

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
)

func TestDefaultRules(t *testing.T) {
	const none = profile.Unknown
	for _, test := range []struct {
		name        string
		limits      Limits
		memoryShare float64
		growth      bool // heap-growth and host-memory are there too
	}{
		{"cgroup", Limits{Kill: 512 * mib, KillSource: "cgroup v2", GOMEMLIMIT: none, Host: 8192 * mib}, 0.90, false},
		{"cgroup of 64 MiB, 8 MiB below it", Limits{Kill: 64 * mib, KillSource: "cgroup v2", GOMEMLIMIT: none, Host: 8192 * mib}, 0.875, false},
		{"cgroup of 16 MiB", Limits{Kill: 16 * mib, KillSource: "cgroup v2", GOMEMLIMIT: none, Host: 8192 * mib}, 0.75, false},
		{"config", Limits{Kill: 512 * mib, KillSource: sourceConfig, GOMEMLIMIT: none, Host: 8192 * mib}, 0.90, false},
		{"cgroup, GOMEMLIMIT at 50%", Limits{Kill: 512 * mib, KillSource: "cgroup v1", GOMEMLIMIT: 256 * mib, Host: 8192 * mib}, 0.90, false},
		{"cgroup, GOMEMLIMIT at 90%", Limits{Kill: 1000 * mib, KillSource: "cgroup v2", GOMEMLIMIT: 900 * mib, Host: 8192 * mib}, 0.95, false},
		{"cgroup, GOMEMLIMIT at 81%", Limits{Kill: 1000 * mib, KillSource: "cgroup v2", GOMEMLIMIT: 810 * mib, Host: 8192 * mib}, 0.905, false},
		{"cgroup, GOMEMLIMIT at 100%", Limits{Kill: 1000 * mib, KillSource: "cgroup v2", GOMEMLIMIT: 1000 * mib, Host: 8192 * mib}, 0.97, false},
		{"cgroup, GOMEMLIMIT above it", Limits{Kill: 512 * mib, KillSource: "cgroup v2", GOMEMLIMIT: 900 * mib, Host: 8192 * mib}, 0.90, false},
		{"host only", Limits{Kill: 8192 * mib, KillSource: sourceHost, GOMEMLIMIT: none, Host: 8192 * mib}, 0.90, true},
		{"host and GOMEMLIMIT", Limits{Kill: 8192 * mib, KillSource: sourceHost, GOMEMLIMIT: 1024 * mib, Host: 8192 * mib}, 0.90, true},
		{"GOMEMLIMIT only", Limits{Kill: none, GOMEMLIMIT: 900 * mib, Host: none}, 0.90, true},
		{"none, as on Windows", Limits{Kill: none, GOMEMLIMIT: none, Host: none}, 0.90, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			rules := make(map[string]Rule)
			var f faults
			for i, r := range DefaultRules(test.limits) {
				rules[r.Name] = r
				r.validate(&f, fmt.Sprintf("DefaultRules[%d]", i))
			}
			if len(f) > 0 {
				t.Errorf("default rules are not valid: %v", f)
			}
			if l := rules["memory"].Line; l.kind != lineShare || math.Abs(l.ratio-test.memoryShare) > 1e-9 {
				t.Errorf("memory at %v, want %v", l, ShareOfLimit(test.memoryShare))
			}
			for _, name := range []string{"memory", "time-to-limit", "throttled", "live-heap", "goroutines"} {
				if _, ok := rules[name]; !ok {
					t.Errorf("no rule %s", name)
				}
			}
			for _, name := range []string{"heap-growth", "host-memory"} {
				if _, ok := rules[name]; ok != test.growth {
					t.Errorf("rule %s: %v, want %v", name, ok, test.growth)
				}
			}
			for name, signal := range map[string]Signal{"live-heap-leak": LiveHeap, "goroutine-leak": Goroutines, "non-go-leak": NonGo} {
				if r := rules[name]; r.Signal != signal || r.Line != Growing() {
					t.Errorf("rule %s is %v", name, r)
				}
			}
			if r := rules["blocked-goroutines"]; r.Signal != LeakedGoroutines || r.Line != Absolute(1) || r.Hold < time.Hour {
				t.Errorf("rule blocked-goroutines is %v", r)
			}
			if r := rules["idle-cpu"]; r.Signal != CPUFloor || r.Line != Growing() || r.For < time.Hour || r.Capture != KindsOf(profile.CPU, profile.Goroutine) {
				t.Errorf("rule idle-cpu is %v", r)
			}
			if want := map[bool]int{true: 12, false: 10}[test.growth]; len(rules) != want {
				t.Errorf("%d rules of different names, want %d", len(rules), want)
			}
			for name, r := range rules {
				if r.Signal == WorkingSet {
					t.Errorf("%s watches the working set, which holds page cache", name)
				}
			}
		})
	}
}

// What each set of limits guards against: memory or heap that grows and grows.
func TestDefaultRulesGuard(t *testing.T) {
	const none = profile.Unknown
	// 10 MiB a minute, all of it live.
	for name, test := range map[string]struct {
		limits Limits
		first  string
		at     int64 // MiB
	}{
		"cgroup":              {Limits{Kill: 1000 * mib, KillSource: "cgroup v2", GOMEMLIMIT: none, Host: 8000 * mib}, "live-heap", 750},
		"GOMEMLIMIT of 90%":   {Limits{Kill: 1000 * mib, KillSource: "cgroup v2", GOMEMLIMIT: 900 * mib, Host: 8000 * mib}, "live-heap", 675},
		"GOMEMLIMIT only":     {Limits{Kill: none, GOMEMLIMIT: 600 * mib, Host: none}, "live-heap", 450},
		"host only":           {Limits{Kill: 8000 * mib, KillSource: sourceHost, GOMEMLIMIT: none, Host: 8000 * mib}, "heap-growth", 612},
		"none, as on Windows": {Limits{Kill: none, GOMEMLIMIT: none, Host: none}, "heap-growth", 612},
	} {
		t.Run(name, func(t *testing.T) {
			tl := newTimeline(t, test.limits, DefaultRules(test.limits)...)
			for m := int64(0); m < 1000; m++ {
				n := 100 + max(0, m-2)*10
				did := tl.look(time.Duration(m)*minute, all(memory(n), live(n)))
				if did == "" {
					continue
				}
				if want := "open " + test.first + ", capture " + test.first; did != want || n < test.at || n > test.at+10 {
					t.Errorf("at %d MiB: %q, want %q at %d", n, did, want, test.at)
				}
				return
			}
			t.Error("nothing happened")
		})
	}
}
