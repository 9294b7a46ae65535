package guardhttp

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
	"github.com/leakguard/leakguard/profile/report"
)

// fakeGuard is a guard that stands as a test wants it.
type fakeGuard struct {
	mu       sync.Mutex
	snapshot guard.Snapshot
	readings []incident.Reading
	store    *incident.Store
	capture  func(ctx context.Context) (guard.Incident, error)
}

func (g *fakeGuard) Snapshot() guard.Snapshot {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.snapshot
}

func (g *fakeGuard) History(since time.Time) (out []incident.Reading) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range g.readings {
		if !r.Time.Before(since) {
			out = append(out, r)
		}
	}
	return out
}

func (g *fakeGuard) Store() *incident.Store { return g.store }

func (g *fakeGuard) Capture(ctx context.Context, _ string, _ ...profile.Kind) (guard.Incident, error) {
	return g.capture(ctx)
}

const mib = 1 << 20

// reading is one of a service that has 512 MiB.
func reading(at time.Time, memory, live, goroutines int64) incident.Reading {
	r := incident.NewReading(at)
	r.Unreclaimable, r.HeapLive, r.HeapAlloc = profile.Bytes(memory), profile.Bytes(live), profile.Bytes(live+live/4)
	r.HeapInuse, r.HeapIdle, r.HeapReleased, r.HeapSys = r.HeapAlloc+4*mib, 6*mib, 2*mib, r.HeapAlloc+10*mib
	r.Sys, r.StackInuse, r.StackSys = r.HeapSys+14*mib, profile.Bytes(goroutines*2048), profile.Bytes(goroutines*2048)
	r.MSpanInuse, r.MSpanSys, r.MCacheInuse, r.MCacheSys, r.BuckHashSys, r.GCSys, r.OtherSys = 2*mib, 2*mib, 16<<10, 16<<10, 1500<<10, 5*mib, mib
	r.NextGC, r.Goroutines, r.Threads, r.Limit = profile.Bytes(2*live), profile.Count(goroutines), 14, 512*mib
	r.RSS, r.RSSAnon, r.RSSShmem = r.Unreclaimable+20*mib, r.Unreclaimable-12*mib, 0
	r.CgroupUsage, r.CgroupWorkingSet, r.CgroupAnon, r.CgroupFile, r.CgroupShmem = r.Unreclaimable+41*mib, r.Unreclaimable+20*mib, r.RSSAnon, 48*mib, 6*mib
	r.CgroupLimit, r.CgroupInactiveFile, r.CgroupActiveFile, r.CgroupDirty, r.CgroupKernel = 512*mib, 21*mib, 20*mib, mib, 5*mib
	return r
}

// richGuard is a guard with something in each section of the page: a service that
// has leaked for an hour, with an open incident and an older one.
func richGuard(t testing.TB) *fakeGuard {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "evidence")
	if os.Getenv("GUARDHTTP_SCREENSHOTS") != "" { // with a path as a service has it
		dir = filepath.Join(os.TempDir(), "leakguard-shop", "shop")
		t.Cleanup(func() { os.RemoveAll(filepath.Dir(dir)) })
	}
	kept, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kept.Close() })
	now := time.Now()
	g := &fakeGuard{store: kept.Reader()}
	for i := range 720 {
		at := now.Add(time.Duration(i-714) * 5 * time.Second)
		live := int64(60*mib) + int64(i)*int64(mib)/3 + int64(i%9)*mib/2
		g.readings = append(g.readings, reading(at, live+live/4+52*mib+int64(i*7919%13)*mib/2, live, 42+int64(i)*3))
	}
	last := g.readings[len(g.readings)-1]
	process := incident.Process{Service: "shop", Version: "1.8.2", Host: "shop-7d9f5b-x2k4q", Pod: "shop-7d9f5b-x2k4q", PID: 1, Started: now.Add(-9 * time.Hour)}
	older := richIncident(t, kept, now.Add(-50*time.Minute), "goroutines", process, g, true)
	open := richIncident(t, kept, now.Add(-9*time.Minute), "live-heap", process, g, false)
	_ = older
	g.snapshot = guard.Snapshot{
		Reading: last, Rate: 0.08 * mib, Process: process,
		Limits: guard.Limits{Kill: 512 * mib, KillSource: "cgroup v2", KillPath: "/sys/fs/cgroup/memory.max", GOMEMLIMIT: 460 * mib, Host: 16 << 30},
		Incidents: []guard.Incident{{ID: open, Rule: "live-heap", Trigger: incident.TriggerRule, Reason: "live heap 264.4 MiB, 52% of 512.0 MiB",
			Opened: now.Add(-9 * time.Minute), Folder: filepath.Join(dir, open), Signal: guard.LiveHeap}},
		GoroutineSites: []incident.GoroutineSite{
			{Frame: frame("github.com/acme/shop/orders.(*Queue).Await", "/src/shop/orders/queue.go", 118), Root: "github.com/acme/shop/orders.(*Queue).Submit.func1", Wait: "chan receive",
				Count: 2081, Grown: 2060, Since: now.Add(-58 * time.Minute), Standing: 55 * time.Minute, Leaking: true, Reason: "it has grown in 57 of 58 censuses, and none of those that came has left"},
			{Frame: frame("github.com/acme/shop/web.(*Server).serve", "/src/shop/web/server.go", 74), Root: "github.com/acme/shop/web.(*Server).Listen.func2", Wait: "IO wait",
				Count: 64, Grown: 12, Since: now.Add(-20 * time.Minute), Standing: 4 * time.Minute, Reason: "they come and go"},
		},
		Census: guard.CensusState{Ago: 21 * time.Second, Every: time.Minute},
		Trends: []incident.Trend{
			{Signal: "live heap", Unit: profile.UnitBytes, State: "growing", Slope: 288 * mib, SlopeLow: 270 * mib, SlopeHigh: 301 * mib, Confidence: 0.71, Since: now.Add(-time.Hour), Reason: "it has risen for 1 h, which is too short to tell from a warm-up", LimitSoonest: 25 * time.Minute, LimitLatest: 29 * time.Minute},
			{Signal: "non-Go memory", Unit: profile.UnitBytes, State: "calm", Slope: 0, Confidence: 0.9, LimitSoonest: -1, LimitLatest: -1, Reason: "its floors do not rise"},
		},
		Counters: guard.Counters{Readings: 38211, Incidents: 2, Captures: 2, Baselines: 11, Explained: 2, Delivered: 7, Censuses: 540},
	}
	g.snapshot.Verdict = last.Verdict(&g.readings[len(g.readings)-120])
	for _, r := range guard.DefaultRules(g.snapshot.Limits) {
		state := guard.RuleState{Rule: r, Value: profile.Unknown, Peak: profile.Unknown, Level: profile.Unknown, Decision: "calm", DecidedAgo: 400 * time.Millisecond}
		switch r.Signal {
		case guard.Memory:
			state.Value, state.Level = int64(last.Unreclaimable), 486*mib
		case guard.LiveHeap:
			state.Value, state.Level = int64(last.HeapLive), 264*mib
		case guard.Goroutines:
			state.Value, state.Level = int64(last.Goroutines), 10_042
		}
		if r.Name == "live-heap" {
			state.Open, state.Peak, state.DecidedAgo = true, state.Value, 9*time.Minute
			state.Decision = "not captured: 20261120T101530.123Z-heap-7f3a, saved 9m0s ago, still covers this"
		}
		if r.Name == "time-to-limit" || strings.HasSuffix(r.Name, "-leak") {
			state.Level = profile.Unknown
		}
		g.snapshot.Rules = append(g.snapshot.Rules, state)
	}
	return g
}

func frame(function, file string, line int) profile.Frame {
	return profile.Frame{Function: function, File: file, Line: line, Package: "github.com/acme/shop", Module: "github.com/acme/shop"}
}

// richIncident keeps an incident with profiles and a report, and returns its ID.
func richIncident(t testing.TB, kept *store.Store, opened time.Time, rule string, process incident.Process, g *fakeGuard, over bool) string {
	t.Helper()
	f, err := kept.CreateID(layout.NewID(opened, rule))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, leaked int64, heap bool) {
		taken := opened
		if strings.Contains(name, "base") {
			taken = taken.Add(-30 * time.Minute)
		}
		if _, err := f.Write(name, func(w io.Writer) error { return shopProfile(leaked, heap, taken).Write(w) }); err != nil {
			t.Fatal(err)
		}
	}
	write("goroutine.pb.gz", 1500, false)
	write("heap.pb.gz", 180, true)
	write("heap-base.pb.gz", 4, true)
	write("goroutine-base.pb.gz", 20, false)
	write("heap-fresh.pb.gz", 260, true)
	m := incident.Manifest{
		Captures: []incident.CaptureRecord{{Seq: 1, Time: opened}},
		ID:       f.ID(), Rule: rule, Trigger: incident.TriggerRule, Opened: opened, Process: process, Unit: profile.UnitBytes, Peak: 304 * mib,
		Reason: "live heap 264.4 MiB, 52% of 512.0 MiB", Build: incident.Build{Module: "github.com/acme/shop", GoVersion: runtime.Version()},
		Limits:    []incident.MemoryLimit{{Source: "cgroup v2", Bytes: 512 * mib}},
		Readings:  g.readings[len(g.readings)-60:],
		Decisions: []incident.Decision{{Time: opened, Text: "opened: live heap 264.4 MiB, 52% of 512.0 MiB"}, {Time: opened.Add(time.Second), Text: "captured heap+goroutine"}},
	}
	if rule == "goroutines" {
		m.Unit, m.Peak, m.Reason = profile.UnitCount, 10_231, "goroutines 10,231, was 42 in calm times"
	}
	if over {
		end := opened.Add(7 * time.Minute)
		m.Recovered = &end
	}
	if err := f.WriteManifest(m); err != nil {
		t.Fatal(err)
	}
	id := f.ID()
	explained, err := report.ExplainFolder(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	m.Headline = explained.Headline
	err = explained.WriteForms(func(name string, form func(io.Writer) error) error {
		_, err := f.Write(name, form)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.WriteManifest(m); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return id
}

// shopProfile is a heap or goroutine profile of a small service, in which so much
// has leaked: MiB, or goroutines.
func shopProfile(leaked int64, heap bool, at time.Time) *pprofile.Profile {
	p := &pprofile.Profile{TimeNanos: at.UnixNano(), Period: 1, PeriodType: &pprofile.ValueType{Type: "goroutine", Unit: "count"},
		SampleType: []*pprofile.ValueType{{Type: "goroutine", Unit: "count"}}}
	if heap {
		p.Period, p.PeriodType = 524288, &pprofile.ValueType{Type: "space", Unit: "bytes"}
		p.SampleType = []*pprofile.ValueType{{Type: "alloc_objects", Unit: "count"}, {Type: "alloc_space", Unit: "bytes"}, {Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"}}
		p.DefaultSampleType = "inuse_space"
	}
	functions := map[string]*pprofile.Location{}
	at2 := func(name string) *pprofile.Location {
		if l := functions[name]; l != nil {
			return l
		}
		id := uint64(len(functions) + 1)
		pkg, _, _ := strings.Cut(strings.TrimPrefix(name, "github.com/acme/shop/"), ".")
		fn := &pprofile.Function{ID: id, Name: name, SystemName: name, Filename: "/src/shop/" + pkg + "/" + pkg + ".go"}
		l := &pprofile.Location{ID: id, Line: []pprofile.Line{{Function: fn, Line: int64(10 + id)}}}
		p.Function, p.Location = append(p.Function, fn), append(p.Location, l)
		functions[name] = l
		return l
	}
	add := func(n, size int64, stack ...string) {
		s := &pprofile.Sample{Value: []int64{n}}
		if heap {
			s.Value = []int64{n * 2, n * size * 2, n, n * size}
		}
		for _, name := range stack {
			s.Location = append(s.Location, at2("github.com/acme/shop/"+name))
		}
		p.Sample = append(p.Sample, s)
	}
	const serve, main = "web.(*Server).serve", "web.(*Server).Listen"
	if heap {
		add(leaked*16, 48<<10, "cache.(*Store).Put", "orders.(*Queue).Submit", "orders.Handle", serve, main)
		add(leaked*64, 3<<10, "orders.newTicket", "orders.(*Queue).Submit", "orders.Handle", serve, main)
		add(leaked*20, 2<<10, "audit.Record", "orders.Handle", serve, main)
		add(400, 40<<10, "catalog.load", "catalog.Open", "main.run")
		add(120, 64<<10, "render.templates", "render.Page", serve, main)
	} else {
		add(leaked, 1, "orders.(*Queue).Await", "orders.(*Queue).Submit.func1")
		add(64, 1, "web.(*conn).read", "web.(*Server).Listen.func2")
		add(1, 1, "main.run")
	}
	return p
}

// mustRead reads a file of the repository.
func mustRead(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
