package guard

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// timeline shows readings to the policy as the loop does, and books its captures.
type timeline struct {
	t      *testing.T
	obs    observer
	watch  *watch
	limits Limits

	now     time.Duration
	reading incident.Reading // the last, and what the next begins with

	// took is how long captures last; saved is what they save, by default
	// what is asked for.
	took    time.Duration
	saved   func(rule Rule) KindSet
	garbage bool // what the forced GC of a suspicion finds

	running *runningCapture
	ids     int
	last    []act
}

type runningCapture struct {
	rule      int
	ends      time.Duration
	suspicion bool
	id        string
	number    int
}

const mib = 1 << 20

// limit1000 makes a share of the limit, in percent, ten times as many MiB.
var limit1000 = Limits{Kill: 1000 * mib, KillSource: "cgroup v2", GOMEMLIMIT: profile.Unknown, Host: 8000 * mib, inCgroup: true}

func newTimeline(t *testing.T, limits Limits, rules ...Rule) *timeline {
	t.Helper()
	var f faults
	for i, r := range rules {
		r.validate(&f, fmt.Sprintf("Rules[%d]", i))
	}
	if len(f) > 0 {
		t.Fatal(f)
	}
	tl := &timeline{t: t, obs: newObserver(), watch: newWatch(rules, defaultCapturesPerHour), limits: limits,
		saved: func(r Rule) KindSet { return r.Capture }}
	tl.reading = incident.NewReading(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC))
	return tl
}

// look takes a reading at that time since Start and returns what the policy
// does about it, such as 'open memory, capture memory'.
func (tl *timeline) look(at time.Duration, change func(*incident.Reading)) string {
	tl.t.Helper()
	if at < tl.now {
		tl.t.Fatalf("timeline goes back from %v to %v", tl.now, at)
	}
	if r := tl.running; r != nil && at >= r.ends {
		tl.end(r)
	}
	tl.now = at
	change(&tl.reading)
	tl.obs.observe(at, &tl.reading, &tl.limits, tl.limits.Host/2, time.Millisecond, tl.watch.calm())
	tl.last = append(tl.last[:0], tl.watch.step(&tl.obs.view)...)
	var did []string
	for _, a := range tl.last {
		did = append(did, tl.act(a))
	}
	return strings.Join(did, ", ")
}

func (tl *timeline) act(a act) string {
	rule := tl.watch.rules[a.rule].rule
	word := map[actKind]string{openIncident: "open", suspectIncident: "suspect", captureEvidence: "capture",
		shareEvidence: "share", escalateIncident: "escalate", recoverIncident: "recover"}[a.do]
	if word == "" {
		tl.t.Fatalf("unknown act %+v", a)
	}
	if a.reason == "" {
		tl.t.Errorf("%v: %s %s without a reason", tl.now, word, rule.Name)
	}
	if a.do == captureEvidence || a.do == suspectIncident {
		if tl.running != nil {
			tl.t.Fatalf("%v: a second capture while one runs", tl.now)
		}
		tl.ids++
		tl.running = &runningCapture{rule: a.rule, ends: tl.now + tl.took, suspicion: a.do == suspectIncident, id: fmt.Sprintf("%s-%d", rule.Name, tl.ids), number: a.capture}
		if tl.took == 0 {
			tl.end(tl.running)
		}
	}
	return word + " " + rule.Name
}

// end books the running capture as the loop does.
func (tl *timeline) end(r *runningCapture) {
	tl.running = nil
	if r.suspicion {
		if tl.garbage {
			tl.watch.refute(r.rule, r.ends)
			return
		}
		tl.watch.confirm(r.rule)
	}
	tl.watch.captureEnded(r.rule, r.number, r.id, tl.saved(tl.watch.rules[r.rule].rule), r.ends)
}

// memory, live and goroutines set a quantity; amounts in MiB.
func memory(n int64) func(*incident.Reading) {
	return func(r *incident.Reading) {
		r.Unreclaimable = profile.Bytes(n * mib)
		if n < 0 {
			r.Unreclaimable = profile.Unknown
		}
	}
}

func live(n int64) func(*incident.Reading) {
	return func(r *incident.Reading) {
		r.HeapLive, r.HeapAlloc, r.StackInuse = profile.Bytes(n*mib), profile.Bytes(n*mib), 0
		r.NumGC = max(r.NumGC, 0) + 1
	}
}

func goroutines(n int64) func(*incident.Reading) {
	return func(r *incident.Reading) { r.Goroutines = profile.Count(n) }
}

func all(changes ...func(*incident.Reading)) func(*incident.Reading) {
	return func(r *incident.Reading) {
		for _, change := range changes {
			change(r)
		}
	}
}

// step is one row of a timeline.
type step struct {
	at   time.Duration
	see  func(*incident.Reading)
	want string
}

// run shows the rows and compares what the policy does.
func (tl *timeline) run(steps []step) {
	tl.t.Helper()
	for i, s := range steps {
		if got := tl.look(s.at, s.see); got != s.want {
			tl.t.Errorf("row %d, at %v: got %q, want %q; decided: %s", i, s.at, got, s.want, tl.watch.rules[0].decision)
		}
	}
}

// count looks every interval until the given time and counts what is done.
func (tl *timeline) count(until, every time.Duration, see func(at time.Duration) func(*incident.Reading)) map[string]int {
	tl.t.Helper()
	did := make(map[string]int)
	for at := tl.now + every; at <= until; at += every {
		if what := tl.look(at, see(at)); what != "" {
			for _, w := range strings.Split(what, ", ") {
				did[w]++
			}
		}
	}
	return did
}

func (tl *timeline) wantCounts(got, want map[string]int) {
	tl.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		tl.t.Errorf("got %v, want %v; decided: %s", got, want, tl.watch.rules[0].decision)
	}
}

// decided checks that what was last decided of a rule says so.
func (tl *timeline) decided(rule int, want string) {
	tl.t.Helper()
	if got := tl.watch.rules[rule].decision; !strings.Contains(got, want) {
		tl.t.Errorf("at %v decided %q, want a word of %q", tl.now, got, want)
	}
}
