package report

import (
	"fmt"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
	"github.com/leakguard/leakguard/profile/incident"
)

// The incidents with golden reports.

var acme = incident.Build{
	GoVersion: "go1.26.8", Path: "example.com/acme/shop/cmd/checkout", Module: "example.com/acme/shop", Version: "v1.4.2",
	Revision: "3f1c9e7a5b", Modified: false, OS: "linux", Arch: "amd64",
}

func frame(module, pkg, function, file string, line int) profile.Frame {
	return profile.Frame{Function: pkg + "." + function, File: "/src/" + pkg + "/" + file, Line: line, Package: pkg, Module: module}
}

func ours(pkg, function, file string, line int) profile.Frame {
	return frame("example.com/acme/shop", "example.com/acme/shop/"+pkg, function, file, line)
}

func theirs(function, file string, line int) profile.Frame {
	return frame("github.com/getsentry/sentry-go", "github.com/getsentry/sentry-go", function, file, line)
}

func stdlib(pkg, function, file string, line int) profile.Frame {
	return profile.Frame{Function: pkg + "." + function, File: "/usr/local/go/src/" + pkg + "/" + file, Line: line, Package: pkg, Module: "std"}
}

func artefacts(names ...string) (all []incident.Artefact) {
	for _, name := range names {
		all = append(all, artefact(name, 1000))
	}
	return all
}

// reportCases returns the input of each golden report, by name.
func reportCases() map[string]Input {
	return map[string]Input{
		"heap":      heapCase(),
		"seed":      seedCase(),
		"nongo":     nonGoCase(),
		"tmpfs":     tmpfsCase(),
		"nothing":   nothingCase(),
		"cut-short": cutShortCase(),
		"two-files": twoFilesCase(),
	}
}

// heapCase is a handler that keeps what it allocates, seconds before the limit.
func heapCase() Input {
	leak := profile.Frame{Function: "main.memoryLeak", File: "/src/shop/cmd/checkout/main.go", Line: 104, Package: "main", Module: "example.com/acme/shop"}
	session := ours("session", "(*Store).Get", "store.go", 61)
	recovered := noon.Add(31200 * time.Millisecond)
	m := incident.Manifest{
		Schema: 1, ID: "20261120T120000.000Z-time-to-limit-1489", Rule: "time-to-limit", Trigger: incident.TriggerRule,
		Reason: "memory 180.1 MiB, 254ms to 256.0 MiB at 298.8 MiB/s", Opened: noon, Recovered: &recovered,
		Peak: 190 * mib, Unit: profile.UnitBytes, Build: acme,
		Process: incident.Process{Service: "checkout", Version: "1.4.2", Host: "node-7", Pod: "checkout-6f9d-x2x", PID: 1, Started: noon.Add(-26 * time.Hour), GOMAXPROCS: 2},
		Limits:  []incident.MemoryLimit{{Source: "cgroup v2", Path: "/sys/fs/cgroup/memory.max", Bytes: 256 * mib}, {Source: "GOMEMLIMIT", Bytes: profile.Unknown}},
		Captures: []incident.CaptureRecord{{Seq: 1, Time: noon.Add(2 * time.Millisecond), Steps: []incident.CaptureStep{
			{Kind: profile.Goroutine, File: "goroutine.pb.gz", Outcome: incident.OutcomeWritten, TookNS: 1_800_000},
			{Kind: profile.Heap, File: "heap.pb.gz", Outcome: incident.OutcomeWritten, Stale: true, TookNS: 3_100_000},
			{Kind: profile.Heap, File: "heap-base.pb.gz", Outcome: incident.OutcomeWritten, Reason: "as of 2026-11-20T11:59:58Z", TookNS: 400_000},
			{Kind: profile.Heap, File: "heap-fresh.pb.gz", Outcome: incident.OutcomeWritten, TookNS: 14_000_000},
			{Kind: profile.CPU, Outcome: incident.OutcomeSkipped, Reason: "the profile would need 12.0 MiB, a quarter of the headroom is 9.5 MiB"},
		}}},
		Decisions: []incident.Decision{
			{Time: noon, Text: "opened: memory 180.1 MiB, 254ms to 256.0 MiB"},
			{Time: noon.Add(20 * time.Millisecond), Text: "captured: 5 files"},
			{Time: noon.Add(31200 * time.Millisecond), Text: "recovered: below 65% of the limit for 30 s"},
		},
		Artefacts: artefacts("goroutine.pb.gz", "heap.pb.gz", "heap-base.pb.gz", "goroutine-base.pb.gz", "heap-fresh.pb.gz", "goroutine.txt"),
	}
	for i := range 40 {
		r := incident.NewReading(noon.Add(time.Duration(i-40) * 50 * time.Millisecond))
		grown := profile.Bytes(max(0, i-28)) * 14 * mib
		r.Unreclaimable, r.HeapLive, r.Limit, r.Goroutines = 14*mib+grown, 4*mib+grown*9/10, 256*mib, profile.Count(22+i%3)
		m.Readings = append(m.Readings, r)
	}
	base, now := noon.Add(-2*time.Second), noon.Add(16*time.Millisecond)
	return Input{
		Manifest: m, Folder: "/var/lib/checkout/leakguard/" + m.ID,
		Heap: &diff.Comparison{
			Kind: profile.Heap, Unit: profile.UnitBytes, BaseTime: base, NowTime: now, HasBase: true,
			Total: incident.Change{Before: 3 * mib, After: 187 * mib}, Objects: incident.Change{Before: 21000, After: 22000},
			Sites: []diff.Row{
				{Frame: leak, Value: incident.Change{Before: 0, After: 180*mib + 430*1024}, Objects: incident.Change{Before: 0, After: 181}, Share: 0.98},
				{Frame: session, Value: incident.Change{Before: 2 * mib, After: 5 * mib}, Share: 0.016},
				{Frame: stdlib("bufio", "NewReaderSize", "bufio.go", 57), Value: incident.Change{Before: 300 << 10, After: 700 << 10}, Share: 0.002},
			},
			Modules: []diff.Row{
				{Frame: profile.Frame{Module: "example.com/acme/shop"}, Value: incident.Change{Before: 2 * mib, After: 186 * mib}, Share: 0.996},
				{Frame: profile.Frame{Module: "std"}, Value: incident.Change{Before: 1 * mib, After: 1*mib + 700<<10}, Share: 0.004},
				{Frame: profile.Frame{Module: "github.com/jackc/pgx/v5"}, Value: incident.Change{Before: 600 << 10, After: 400 << 10}},
			},
			Flame: &diff.FlameNode{Name: "root", Value: 184 * mib, Children: []*diff.FlameNode{
				{Name: "net/http.(*conn).serve", Value: 183 * mib, Children: []*diff.FlameNode{
					{Name: "net/http.serverHandler.ServeHTTP", Value: 183*mib - 400<<10, Children: []*diff.FlameNode{
						{Name: "net/http.(*ServeMux).ServeHTTP", Value: 183*mib - 400<<10, Children: []*diff.FlameNode{
							{Name: "net/http.HandlerFunc.ServeHTTP", Value: 183*mib - 400<<10, Children: []*diff.FlameNode{
								{Name: "main.memoryLeak", Value: 180*mib + 430*1024},
								{Name: "main.hello", Value: 2 * mib, Children: []*diff.FlameNode{
									{Name: "example.com/acme/shop/session.(*Store).Get", Value: 2 * mib},
								}},
							}},
						}},
					}},
					{Name: "net/http.newBufioReader", Value: 400 << 10, Children: []*diff.FlameNode{{Name: "bufio.NewReaderSize", Value: 400 << 10}}},
				}},
				{Name: "main.main", Value: 1 * mib, Children: []*diff.FlameNode{{Name: "example.com/acme/shop/session.(*Store).Get", Value: 1 * mib}}},
			}},
			Suspects: []incident.Suspect{
				{Kind: profile.Heap, Frame: leak, Value: incident.Change{Before: 0, After: 180*mib + 430*1024}, Unit: profile.UnitBytes, Share: 0.98, Standing: profile.Unknown, Confidence: 0.97,
					Reasons: []string{"grew from 0 B to 180.4 MiB in 2 s", "98% of the heap growth", "181 more objects, now 1.0 MiB each on average"}},
				{Kind: profile.Heap, Frame: session, Value: incident.Change{Before: 2 * mib, After: 5 * mib}, Unit: profile.UnitBytes, Share: 0.016, Standing: profile.Unknown, Confidence: 0.2,
					Reasons: []string{"3.0 MiB more, which may be a cache that warms up"}},
			},
		},
		Goroutine: &diff.Comparison{
			Kind: profile.Goroutine, Unit: profile.UnitCount, BaseTime: base, NowTime: now, HasBase: true, Total: incident.Change{Before: 22, After: 24},
			Goroutines: []diff.GoroutineGroup{
				{Wait: "IO wait", Blocked: stdlib("net/http", "(*conn).serve", "server.go", 2070), Root: stdlib("net/http", "(*conn).serve", "server.go", 1930), Count: incident.Change{Before: 8, After: 9}, Standing: profile.Unknown},
				{Wait: "running", Blocked: leak, Root: stdlib("net/http", "(*conn).serve", "server.go", 1930), Count: incident.Change{Before: 0, After: 1}, Standing: profile.Unknown},
				{Wait: "select", Blocked: ours("session", "(*Store).sweep", "store.go", 120), Root: ours("session", "(*Store).sweep", "store.go", 110), Count: incident.Change{Before: 1, After: 1}, Standing: 26 * time.Hour},
			},
		},
	}
}

// seedCase is the leak that this library was made for: goroutines leak slowly
// in one place, and the memory of another package grows with their number.
func seedCase() Input {
	put := ours("storage", "(*Cache).Put", "storage.go", 85)
	watch := ours("storage", "(*Cache).watch", "storage.go", 40)
	sentry := theirs("(*profileRecorder).onTick", "profiler.go", 214)
	m := incident.Manifest{
		Schema: 1, ID: "20261120T120000.000Z-goroutines-growing-7f3a", Rule: "goroutines-growing", Trigger: incident.TriggerRule,
		Reason: "374 goroutines, 134 more in 40 min and none of them left", Opened: noon, Peak: 374, Unit: profile.UnitCount, Build: acme,
		Process: incident.Process{Service: "checkout", Host: "node-7", PID: 1, Started: noon.Add(-26 * time.Hour), GOMAXPROCS: 4},
		Limits:  []incident.MemoryLimit{{Source: "cgroup v2", Path: "/sys/fs/cgroup/memory.max", Bytes: 512 * mib}},
		Trends: []incident.Trend{
			{Signal: "goroutines", Unit: profile.UnitCount, State: "leaking", Slope: 201, SlopeLow: 190, SlopeHigh: 215, Confidence: 0.99, Since: noon.Add(-40 * time.Minute), LimitSoonest: -1, LimitLatest: -1},
			{Signal: "live heap", Unit: profile.UnitBytes, State: "leaking", Slope: 252 * mib, SlopeLow: 240 * mib, SlopeHigh: 268 * mib, Confidence: 0.98, Since: noon.Add(-40 * time.Minute),
				LimitSoonest: 9 * time.Minute, LimitLatest: 14 * time.Minute},
		},
		GoroutineSites: []incident.GoroutineSite{{Frame: put, Root: watch.Function, Wait: "chan receive", Count: 150, Grown: 134, Since: noon.Add(-40 * time.Minute), Standing: 40 * time.Minute, Leaking: true}},
		Captures: []incident.CaptureRecord{{Seq: 1, Time: noon, Steps: []incident.CaptureStep{
			{Kind: profile.Goroutine, File: "goroutine.pb.gz", Outcome: incident.OutcomeWritten, TookNS: 2_000_000},
			{Kind: profile.Heap, File: "heap.pb.gz", Outcome: incident.OutcomeWritten, Stale: true, TookNS: 5_000_000},
			{Kind: profile.Heap, File: "heap-fresh.pb.gz", Outcome: incident.OutcomeWritten, TookNS: 60_000_000},
		}}},
		Decisions: []incident.Decision{{Time: noon, Text: "opened: 134 more goroutines in 40 min"}},
		Artefacts: artefacts("goroutine.pb.gz", "heap.pb.gz", "heap-base.pb.gz", "goroutine-base.pb.gz", "heap-fresh.pb.gz", "goroutine.txt"),
	}
	// They come in bursts and pauses, like the requests that leak them.
	goroutines := 240
	for i := range 81 {
		if i%10 < 6 && i > 0 && goroutines < 374 {
			goroutines += 2 + (i/10+i)%2
			goroutines = min(goroutines, 374)
		}
		leaked := profile.Bytes(goroutines - 240)
		wobble := profile.Bytes((i*37)%11-5) * 200 << 10
		m.History = append(m.History, incident.HistoryPoint{
			Time:   noon.Add(time.Duration(i-80) * 30 * time.Second),
			Memory: 340*mib + leaked*1284<<10 + wobble, LiveHeap: 306*mib + leaked*1284<<10 + wobble, Goroutines: profile.Count(goroutines),
		})
	}
	base := noon.Add(-42 * time.Minute)
	return Input{
		Manifest: m, Folder: "/var/lib/checkout/leakguard/" + m.ID,
		Heap: &diff.Comparison{
			Kind: profile.Heap, Unit: profile.UnitBytes, BaseTime: base, NowTime: noon, HasBase: true, Total: incident.Change{Before: 306 * mib, After: 482 * mib},
			Sites: []diff.Row{
				{Frame: sentry, Value: incident.Change{Before: 298 * mib, After: 466 * mib}, Share: 0.955},
				{Frame: ours("orders", "(*Index).Add", "index.go", 33), Value: incident.Change{Before: 8 * mib, After: 16 * mib}, Share: 0.045},
			},
			Modules: []diff.Row{
				{Frame: profile.Frame{Module: "github.com/getsentry/sentry-go"}, Value: incident.Change{Before: 298 * mib, After: 466 * mib}, Share: 0.955},
				{Frame: profile.Frame{Module: "example.com/acme/shop"}, Value: incident.Change{Before: 8 * mib, After: 16 * mib}, Share: 0.045},
			},
			Flame: &diff.FlameNode{Name: "root", Value: 176 * mib, Children: []*diff.FlameNode{
				{Name: "github.com/getsentry/sentry-go.(*profileRecorder).run", Value: 168 * mib, Children: []*diff.FlameNode{
					{Name: "github.com/getsentry/sentry-go.(*profileRecorder).onTick", Value: 168 * mib},
				}},
				{Name: "net/http.(*conn).serve", Value: 8 * mib, Children: []*diff.FlameNode{{Name: "example.com/acme/shop/orders.(*Index).Add", Value: 8 * mib}}},
			}},
			Suspects: []incident.Suspect{
				{Kind: profile.Heap, Frame: sentry, Value: incident.Change{Before: 298 * mib, After: 466 * mib}, Unit: profile.UnitBytes, Share: 0.955, Standing: profile.Unknown, Confidence: 0.95,
					Reasons: []string{"96% of the heap growth"}},
				{Kind: profile.Heap, Frame: ours("orders", "(*Index).Add", "index.go", 33), Value: incident.Change{Before: 8 * mib, After: 16 * mib}, Unit: profile.UnitBytes, Share: 0.045, Standing: profile.Unknown, Confidence: 0.35,
					Reasons: []string{"it doubled"}},
			},
		},
		Goroutine: &diff.Comparison{
			Kind: profile.Goroutine, Unit: profile.UnitCount, BaseTime: base, NowTime: noon, HasBase: true, Total: incident.Change{Before: 240, After: 374},
			Goroutines: []diff.GoroutineGroup{
				{Wait: "chan receive", Blocked: put, Root: watch, Labels: "route=/orders", Count: incident.Change{Before: 16, After: 150}, Standing: 40 * time.Minute},
				{Wait: "IO wait", Blocked: stdlib("net/http", "(*conn).serve", "server.go", 2070), Root: stdlib("net/http", "(*conn).serve", "server.go", 1930), Count: incident.Change{Before: 180, After: 181}, Standing: profile.Unknown},
			},
			Suspects: []incident.Suspect{
				{Kind: profile.Goroutine, Frame: put, Wait: "chan receive", Value: incident.Change{Before: 16, After: 150}, Unit: profile.UnitCount, Share: 0.99, Standing: 40 * time.Minute, Confidence: 0.9,
					Reasons: []string{"134 more goroutines wait for the same, and nothing else in the program grew by as many"}},
			},
		},
	}
}

// nonGoCase is memory that no Go profile shows.
func nonGoCase() Input {
	m := incident.Manifest{
		Schema: 1, ID: "20261120T120000.000Z-memory-00aa", Rule: "memory", Trigger: incident.TriggerRule, Reason: "memory 461.0 MiB, 90% of 512.0 MiB",
		Opened: noon, Peak: 461 * mib, Unit: profile.UnitBytes, Build: acme,
		Limits:    []incident.MemoryLimit{{Source: "cgroup v1", Path: "/sys/fs/cgroup/memory/memory.limit_in_bytes", Bytes: 512 * mib}},
		Artefacts: artefacts("goroutine.pb.gz", "heap.pb.gz", "heap-base.pb.gz"),
		Captures: []incident.CaptureRecord{{Seq: 1, Time: noon, Steps: []incident.CaptureStep{
			{Kind: profile.Heap, File: "heap.pb.gz", Outcome: incident.OutcomeWritten, Stale: true},
			{Kind: profile.Heap, Outcome: incident.OutcomeSkipped, Reason: "a forced GC would take 80 ms, memory lasts 40 ms"},
		}}},
	}
	for i := range 61 {
		m.History = append(m.History, incident.HistoryPoint{Time: noon.Add(time.Duration(i-60) * time.Minute), Memory: 251*mib + profile.Bytes(i)*35*mib/10, LiveHeap: 80*mib + profile.Bytes(i%5)*mib/2, Goroutines: 100})
	}
	r := incident.NewReading(noon)
	r.Unreclaimable, r.HeapLive, r.Limit = 461*mib, 82*mib, 512*mib
	r.CgroupWorkingSet, r.CgroupShmem = 510*mib, 180*mib
	m.Readings = []incident.Reading{r}
	site := ours("session", "(*Store).Get", "store.go", 61)
	return Input{
		Manifest: m, Folder: "/var/lib/o'hara/leak guard/" + m.ID,
		Heap: &diff.Comparison{
			Kind: profile.Heap, Unit: profile.UnitBytes, BaseTime: noon.Add(-time.Hour), NowTime: noon, HasBase: true, Total: incident.Change{Before: 80 * mib, After: 82 * mib},
			Sites:    []diff.Row{{Frame: site, Value: incident.Change{Before: 10 * mib, After: 12 * mib}, Share: 1}},
			Modules:  []diff.Row{{Frame: profile.Frame{Module: "example.com/acme/shop"}, Value: incident.Change{Before: 10 * mib, After: 12 * mib}, Share: 1}},
			Suspects: []incident.Suspect{{Kind: profile.Heap, Frame: site, Value: incident.Change{Before: 10 * mib, After: 12 * mib}, Unit: profile.UnitBytes, Share: 1, Standing: profile.Unknown, Confidence: 0.4}},
		},
		Warnings: []string{"goroutine-base.pb.gz cannot be read, so goroutine.pb.gz has no baseline: gzip: invalid header"},
	}
}

// tmpfsCase is a cgroup that fills up through /dev/shm.
func tmpfsCase() Input {
	m := incident.Manifest{
		Schema: 1, ID: "20261120T120000.000Z-memory-5a5a", Rule: "memory", Trigger: incident.TriggerRule, Reason: "memory 469.0 MiB, 92% of 512.0 MiB",
		Opened: noon, Peak: 469 * mib, Unit: profile.UnitBytes, Build: acme,
		Limits:    []incident.MemoryLimit{{Source: "cgroup v2", Path: "/sys/fs/cgroup/memory.max", Bytes: 512 * mib}},
		Artefacts: artefacts("goroutine.pb.gz", "heap.pb.gz"),
	}
	for i := range 20 {
		r := cgroupReading(noon.Add(time.Duration(i-20) * time.Second))
		r.CgroupShmem = profile.Bytes(i+5) * 17 * mib
		r.CgroupUsage += r.CgroupShmem
		r.Unreclaimable = r.CgroupUsage - r.CgroupInactiveFile - r.CgroupActiveFile
		m.Readings = append(m.Readings, r)
	}
	return Input{Manifest: m, Folder: "/var/lib/checkout/leakguard/" + m.ID, Heap: &diff.Comparison{
		Kind: profile.Heap, Unit: profile.UnitBytes, BaseTime: noon.Add(-time.Hour), NowTime: noon, HasBase: true, Total: incident.Change{Before: 20 * mib, After: 20 * mib},
	}}
}

// nothingCase is a manual capture of a healthy process.
func nothingCase() Input {
	m := incident.Manifest{
		Schema: 1, ID: "20261120T120000.000Z-manual-beef", Rule: "manual", Trigger: incident.TriggerManual, Reason: "weekly look", Opened: noon, Peak: profile.Unknown, Build: acme,
		Artefacts: artefacts("goroutine.pb.gz", "heap.pb.gz", "heap-base.pb.gz"),
	}
	for i := range 3 {
		r := incident.NewReading(noon.Add(time.Duration(i-3) * time.Second))
		r.RSS, r.HeapLive, r.Goroutines = 40*mib, 9*mib, 12
		m.Readings = append(m.Readings, r)
	}
	return Input{
		Manifest:  m,
		Heap:      &diff.Comparison{Kind: profile.Heap, Unit: profile.UnitBytes, BaseTime: noon.Add(-24 * time.Hour), NowTime: noon, HasBase: true, Total: incident.Change{Before: 9 * mib, After: 9*mib + 4096}},
		Goroutine: &diff.Comparison{Kind: profile.Goroutine, Unit: profile.UnitCount, HasBase: true, Total: incident.Change{Before: 12, After: 11}},
	}
}

// cutShortCase is all that a killed process had time to write.
func cutShortCase() Input {
	m := incident.Manifest{
		Schema: 1, ID: "20261120T120000.000Z-memory-dead", Rule: "memory", Opened: noon, Peak: profile.Unknown, CutShort: true,
		Artefacts: artefacts("goroutine.pb.gz", "heap.pb.gz"),
	}
	site := ours("orders", "(*Index).Add", "index.go", 33)
	return Input{
		Manifest: m, Folder: "/tmp/leakguard/" + m.ID,
		Heap: &diff.Comparison{
			Kind: profile.Heap, Unit: profile.UnitBytes, NowTime: noon, Total: incident.Change{Before: 0, After: 300 * mib},
			Sites:    []diff.Row{{Frame: site, Value: incident.Change{Before: 0, After: 210 * mib}, Share: 0.7}},
			Flame:    &diff.FlameNode{Name: "root", Value: 300 * mib, Children: []*diff.FlameNode{{Name: site.Function, Value: 210 * mib}}},
			Suspects: []incident.Suspect{{Kind: profile.Heap, Frame: site, Value: incident.Change{Before: 0, After: 210 * mib}, Unit: profile.UnitBytes, Share: 0.7, Standing: profile.Unknown, Confidence: 0.45}},
			Warnings: []string{"there is no baseline: what is large is not what grew"},
		},
		Warnings: []string{"goroutine.pb.gz cannot be read: unexpected EOF"},
	}
}

// twoFilesCase is a comparison of two files.
func twoFilesCase() Input {
	e := Input{BaseFile: "old.pb.gz", NowFile: "new heap.pb.gz"}
	var sites []diff.Row
	root := &diff.FlameNode{Name: "root", Value: 100 * mib}
	for i := range 40 {
		f := ours(fmt.Sprintf("pkg%d", i/4), fmt.Sprintf("(*T%d).Make", i), "make.go", 10+i)
		size := int64(20 * mib >> (i / 3))
		sites = append(sites, diff.Row{Frame: f, Value: incident.Change{Before: 0, After: size}, Share: float64(size) / float64(100*mib)})
		root.Children = append(root.Children, &diff.FlameNode{Name: f.Function, Value: size})
	}
	e.Heap = &diff.Comparison{Kind: profile.Heap, Unit: profile.UnitBytes, HasBase: true, Total: incident.Change{Before: 50 * mib, After: 150 * mib}, Sites: sites, Flame: root,
		Suspects: []incident.Suspect{{Kind: profile.Heap, Frame: sites[0].Frame, Value: sites[0].Value, Unit: profile.UnitBytes, Share: 0.2, Standing: profile.Unknown, Confidence: 0.6, Reasons: []string{"20% of the heap growth"}}}}
	return e
}
