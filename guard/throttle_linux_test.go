package guard

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/cgroup"
	"github.com/leakguard/leakguard/internal/cgroup/cgrouptest"
	"github.com/leakguard/leakguard/internal/testenv"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

func init() { children["throttled"] = throttledChild }

func TestSourceFindsHigh(t *testing.T) {
	const none = profile.Unknown
	events := map[string]string{
		"sys/fs/cgroup/memory.events":   "low 0\nhigh 363\nmax 0\n",
		"sys/fs/cgroup/memory.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\n",
	}
	for _, test := range []struct {
		name   string
		files  map[string]string
		limit  int64
		high   int64
		memory profile.Bytes
	}{
		{"none", nil, 0, none, none},
		{"max", map[string]string{"sys/fs/cgroup/memory.high": "max\n"}, 0, none, none},
		{"its own", map[string]string{"sys/fs/cgroup/memory.high": "268435456\n"}, 0, 256 * mib, 99 * mib},
		{"above the limit that kills", map[string]string{"sys/fs/cgroup/memory.high": "1073741824\n"}, 0, none, none},
		{"without a limit that kills", map[string]string{"sys/fs/cgroup/memory.max": "max\n", "sys/fs/cgroup/memory.high": "268435456\n"}, 0, 256 * mib, 99 * mib},
		{"beside a configured limit", map[string]string{"sys/fs/cgroup/memory.high": "268435456\n"}, 128 * mib, 256 * mib, 99 * mib},
		{"of the pod", map[string]string{
			"proc/self/cgroup":                      "0::/pod/app\n",
			"sys/fs/cgroup/pod/memory.high":         "209715200\n",
			"sys/fs/cgroup/pod/memory.current":      "157286400\n",
			"sys/fs/cgroup/pod/memory.events":       "high 363\n",
			"sys/fs/cgroup/pod/memory.stat":         "anon 157286400\nfile 0\ninactive_file 0\nactive_file 0\n",
			"sys/fs/cgroup/pod/app/memory.max":      "314572800\n",
			"sys/fs/cgroup/pod/app/memory.high":     "max\n",
			"sys/fs/cgroup/pod/app/memory.current":  "52428800\n",
			"sys/fs/cgroup/pod/app/memory.stat":     "anon 52428800\nfile 0\ninactive_file 0\nactive_file 0\n",
			"sys/fs/cgroup/pod/app/memory.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\n",
		}, 0, 200 * mib, 150 * mib},
		{"v1's soft limit", with(v1, map[string]string{"sys/fs/cgroup/memory/memory.soft_limit_in_bytes": "67108864\n"}), 0, none, none},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := fakeKernel(t)
			write(t, root, with(events, test.files))
			s, told := openSource(t, root, test.limit)
			var r incident.Reading
			s.read(time.Now(), &r)
			if s.limits.Throttle != test.high || (s.limits.ThrottlePath != "") != (test.high > 0) {
				t.Errorf("throttles at %d (%s), want %d", s.limits.Throttle, s.limits.ThrottlePath, test.high)
			}
			if int64(r.CgroupHigh) != test.high || r.CgroupHighMemory != test.memory {
				t.Errorf("the reading has %v of %v, want %v of %v", r.CgroupHighMemory, r.CgroupHigh, test.memory, profile.Bytes(test.high))
			}
			if test.high > 0 && (r.CgroupHighEvents != 363 || r.CgroupStalled != 2500*time.Millisecond) {
				t.Errorf("%v events, stalled for %v", r.CgroupHighEvents, r.CgroupStalled)
			}
			if len(*told) > 0 {
				t.Errorf("told %q", *told)
			}
			now := time.Now()
			if n := testing.AllocsPerRun(100, func() { now = now.Add(slowEvery); s.read(now, &r) }); n > 0 && test.high > 0 {
				// The files of the host and the process are small here; so are those of the group.
				t.Errorf("%v allocations a reading", n)
			}
		})
	}
}

// memory.high is set and lifted while the process runs.
func TestSourceFindsHighAgain(t *testing.T) {
	root := fakeKernel(t)
	s, _ := openSource(t, root, 0)
	var r incident.Reading
	now := time.Now()
	s.read(now, &r)
	write(t, root, map[string]string{"sys/fs/cgroup/memory.high": "134217728\n", "sys/fs/cgroup/memory.events": "high 1\n"})
	if s.read(now.Add(limitsEvery), &r); r.CgroupHigh != 128*mib || r.CgroupHighEvents != 1 || r.CgroupStalled >= 0 {
		t.Errorf("set: %v, %v events, stalled %v", r.CgroupHigh, r.CgroupHighEvents, r.CgroupStalled)
	}
	write(t, root, map[string]string{"sys/fs/cgroup/memory.high": "max\n"})
	if s.read(now.Add(2*limitsEvery), &r); r.CgroupHigh.Known() || r.CgroupHighMemory.Known() || s.high.throttle != nil {
		t.Errorf("lifted: %v", r.CgroupHigh)
	}
}

// throttledReport is what a guard said of a process that leaks above memory.high.
type throttledReport struct {
	Events   []throttledEvent
	Pressure string
	Reached  profile.Bytes // the most memory that the group had
	First    time.Duration // when the first heap profile was on disk
}

type throttledEvent struct {
	Kind, Rule, Reason string
	Folder             string
	At                 profile.Bytes
	After              time.Duration
}

// throttledChild leaks 20 MiB a second for as long as its second argument says.
func throttledChild(args []string) {
	must(0, cgrouptest.Join(args[0]))
	begun := time.Now()
	var r throttledReport
	box := newMailbox("box")
	seen := func(e Event) {
		r.Events = append(r.Events, throttledEvent{e.Kind.String(), e.Incident.Rule, e.Reason, e.Incident.Folder, e.Incident.Reading.Unreclaimable, time.Since(begun)})
	}
	pressure := make(chan Pressure, 10)
	g := must(Start(Config{Dir: args[2], Logger: slog.New(slog.DiscardHandler),
		Sinks:      []Sink{box},
		OnPressure: func(_ context.Context, p Pressure) { pressure <- p }}))
	end := time.NewTimer(must(time.ParseDuration(args[1])))
	tick := time.NewTicker(50 * time.Millisecond)
	for left := 110; ; {
		select {
		case <-tick.C:
			if left--; left > 0 {
				leakHere(1)
			}
			if files, _ := filepath.Glob(filepath.Join(args[2], "*-throttled-*", "heap.pb.gz")); r.First == 0 && len(files) > 0 {
				r.First = time.Since(begun)
			}
			r.Reached = max(r.Reached, g.Snapshot().Reading.Unreclaimable)
		case e := <-box.events:
			seen(e)
		case e := <-box.explained:
			seen(e)
		case p := <-pressure:
			r.Pressure = p.Reason
		case <-end.C:
			must(0, json.NewEncoder(os.Stdout).Encode(r))
			return
		}
	}
}

// A leak above memory.high: the kernel never kills, the process crawls, and the guard says
// so, with evidence that names who leaks. v1's soft limit is nothing of the kind.
func TestThrottledLive(t *testing.T) {
	const high, most = 64 * mib, 128 * mib
	group := cgrouptest.New(t, most)[0]
	m, err := cgroup.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	version := m.Version()
	m.Close()
	file := map[int]string{1: "memory.soft_limit_in_bytes", 2: "memory.high"}[version]
	if err := os.WriteFile(filepath.Join(group, file), []byte("67108864"), 0); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(onDisk(t), "evidence")
	run := "4s" // up to 80 of 128 MiB, nothing opens
	if version == 2 {
		run = "25s"
	}
	out, err := child(t, "throttled", group, run, dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	var r throttledReport
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	t.Logf("memory reached %v; first heap profile after %v; pressure: %s; events: %+v", r.Reached, r.First, r.Pressure, r.Events)
	find := func(kind EventKind) *throttledEvent {
		for i := range r.Events {
			if e := &r.Events[i]; e.Rule == "throttled" && e.Kind == kind.String() {
				return e
			}
		}
		return nil
	}
	opened, captured := find(Opened), find(Captured)
	if version == 1 {
		if opened != nil || strings.Contains(r.Pressure, "throttled") {
			t.Errorf("v1's soft limit throttles: %+v, %s", opened, r.Pressure)
		}
		return
	}
	if opened == nil || captured == nil {
		t.Fatal("no incident, or no evidence")
	}
	if opened.At > high {
		t.Errorf("opened at %v, when the process crawls", opened.At)
	}
	// It is emulated, and throttled.
	if r.First == 0 || r.First > opened.After+3*time.Second {
		t.Errorf("opened after %v, but the first heap profile was there after %v", opened.After, r.First)
	}
	manifest, err := readManifest(captured.Folder)
	if err != nil {
		t.Error(err)
	}
	for _, c := range manifest.Captures {
		t.Logf("%+v", c)
	}
	for _, d := range manifest.Decisions {
		t.Logf("%v %s", d.Time.Format("05.000"), d.Text)
	}
	if _, err := os.Stat(filepath.Join(captured.Folder, "heap.pb.gz")); err != nil {
		t.Error(err)
	}
	if !strings.Contains(r.Pressure, "throttled") || !strings.Contains(r.Pressure, "64.0 MiB") {
		t.Errorf("pressure: %q", r.Pressure)
	}
	testenv.Need(t, r.Reached < most, "the kernel throttles")
}
