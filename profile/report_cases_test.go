package profile

import (
	"fmt"
	"time"
)

// The incidents whose reports are golden.

const mib = 1 << 20

var acme = Build{
	GoVersion: "go1.26.8", Path: "example.com/acme/shop/cmd/checkout", Module: "example.com/acme/shop", Version: "v1.4.2",
	Revision: "3f1c9e7a5b", Modified: false, OS: "linux", Arch: "amd64",
}

func frame(module, pkg, function, file string, line int) Frame {
	return Frame{Function: pkg + "." + function, File: "/src/" + pkg + "/" + file, Line: line, Package: pkg, Module: module}
}

func ours(pkg, function, file string, line int) Frame {
	return frame("example.com/acme/shop", "example.com/acme/shop/"+pkg, function, file, line)
}

func theirs(function, file string, line int) Frame {
	return frame("github.com/getsentry/sentry-go", "github.com/getsentry/sentry-go", function, file, line)
}

func stdlib(pkg, function, file string, line int) Frame {
	return Frame{Function: pkg + "." + function, File: "/usr/local/go/src/" + pkg + "/" + file, Line: line, Package: pkg, Module: "std"}
}

func artefacts(names ...string) (all []Artefact) {
	for _, name := range names {
		all = append(all, newArtefact(name, 1000, "00", noon))
	}
	return all
}

// reportCases are the evidence of each golden report, by its name.
func reportCases() map[string]Evidence {
	return map[string]Evidence{
		"heap":      heapCase(),
		"seed":      seedCase(),
		"nongo":     nonGoCase(),
		"tmpfs":     tmpfsCase(),
		"nothing":   nothingCase(),
		"cut-short": cutShortCase(),
		"two-files": twoFilesCase(),
	}
}

// heapCase is a handler that keeps what it allocates: seconds to the limit.
func heapCase() Evidence {
	leak := Frame{Function: "main.memoryLeak", File: "/src/shop/cmd/checkout/main.go", Line: 104, Package: "main", Module: "example.com/acme/shop"}
	session := ours("session", "(*Store).Get", "store.go", 61)
	recovered := noon.Add(31200 * time.Millisecond)
	m := Manifest{
		Schema: 1, ID: "20261120T120000.000Z-time-to-limit-1489", Rule: "time-to-limit", Trigger: TriggerRule,
		Reason: "memory 180.1 MiB, 254ms to 256.0 MiB at 298.8 MiB/s", Opened: noon, Recovered: &recovered,
		Peak: 190 * mib, Unit: UnitBytes, Build: acme,
		Process: Process{Service: "checkout", Version: "1.4.2", Host: "node-7", Pod: "checkout-6f9d-x2x", PID: 1, Started: noon.Add(-26 * time.Hour), GOMAXPROCS: 2},
		Limits:  []Limit{{Source: "cgroup v2", Path: "/sys/fs/cgroup/memory.max", Bytes: 256 * mib}, {Source: "GOMEMLIMIT", Bytes: Unknown}},
		Captures: []CaptureRecord{{Seq: 1, Time: noon.Add(2 * time.Millisecond), Steps: []Step{
			{Kind: Goroutine, File: "goroutine.pb.gz", Outcome: OutcomeWritten, TookNS: 1_800_000},
			{Kind: Heap, File: "heap.pb.gz", Outcome: OutcomeWritten, Stale: true, TookNS: 3_100_000},
			{Kind: Heap, File: "heap-base.pb.gz", Outcome: OutcomeWritten, Reason: "as of 2026-11-20T11:59:58Z", TookNS: 400_000},
			{Kind: Heap, File: "heap-fresh.pb.gz", Outcome: OutcomeWritten, TookNS: 14_000_000},
			{Kind: CPU, Outcome: OutcomeSkipped, Reason: "the profile would need 12.0 MiB, a quarter of the headroom is 9.5 MiB"},
		}}},
		Decisions: []Decision{
			{Time: noon, Text: "opened: memory 180.1 MiB, 254ms to 256.0 MiB"},
			{Time: noon.Add(20 * time.Millisecond), Text: "captured: 5 files"},
			{Time: noon.Add(31200 * time.Millisecond), Text: "recovered: below 65% of the limit for 30 s"},
		},
		Artefacts: artefacts("goroutine.pb.gz", "heap.pb.gz", "heap-base.pb.gz", "goroutine-base.pb.gz", "heap-fresh.pb.gz", "goroutine.txt"),
	}
	for i := range 40 {
		r := NewReading(noon.Add(time.Duration(i-40) * 50 * time.Millisecond))
		grown := Bytes(max(0, i-28)) * 14 * mib
		r.Unreclaimable, r.HeapLive, r.Limit, r.Goroutines = 14*mib+grown, 4*mib+grown*9/10, 256*mib, Count(22+i%3)
		m.Readings = append(m.Readings, r)
	}
	base, now := noon.Add(-2*time.Second), noon.Add(16*time.Millisecond)
	return Evidence{
		Manifest: m, Folder: "/var/lib/checkout/leakguard/" + m.ID,
		Heap: &Comparison{
			Kind: Heap, Unit: UnitBytes, BaseTime: base, NowTime: now, HasBase: true,
			Total: Change{3 * mib, 187 * mib}, Objects: Change{21000, 22000},
			Sites: []Growth{
				{Frame: leak, Value: Change{0, 180*mib + 430*1024}, Objects: Change{0, 181}, Share: 0.98},
				{Frame: session, Value: Change{2 * mib, 5 * mib}, Share: 0.016},
				{Frame: stdlib("bufio", "NewReaderSize", "bufio.go", 57), Value: Change{300 << 10, 700 << 10}, Share: 0.002},
			},
			Modules: []Growth{
				{Frame: Frame{Module: "example.com/acme/shop"}, Value: Change{2 * mib, 186 * mib}, Share: 0.996},
				{Frame: Frame{Module: "std"}, Value: Change{1 * mib, 1*mib + 700<<10}, Share: 0.004},
				{Frame: Frame{Module: "github.com/jackc/pgx/v5"}, Value: Change{600 << 10, 400 << 10}},
			},
			Flame: &FlameNode{Name: "root", Value: 184 * mib, Children: []*FlameNode{
				{Name: "net/http.(*conn).serve", Value: 183 * mib, Children: []*FlameNode{
					{Name: "net/http.serverHandler.ServeHTTP", Value: 183*mib - 400<<10, Children: []*FlameNode{
						{Name: "net/http.(*ServeMux).ServeHTTP", Value: 183*mib - 400<<10, Children: []*FlameNode{
							{Name: "net/http.HandlerFunc.ServeHTTP", Value: 183*mib - 400<<10, Children: []*FlameNode{
								{Name: "main.memoryLeak", Value: 180*mib + 430*1024},
								{Name: "main.hello", Value: 2 * mib, Children: []*FlameNode{
									{Name: "example.com/acme/shop/session.(*Store).Get", Value: 2 * mib},
								}},
							}},
						}},
					}},
					{Name: "net/http.newBufioReader", Value: 400 << 10, Children: []*FlameNode{{Name: "bufio.NewReaderSize", Value: 400 << 10}}},
				}},
				{Name: "main.main", Value: 1 * mib, Children: []*FlameNode{{Name: "example.com/acme/shop/session.(*Store).Get", Value: 1 * mib}}},
			}},
			Suspects: []Suspect{
				{Kind: Heap, Frame: leak, Value: Change{0, 180*mib + 430*1024}, Unit: UnitBytes, Share: 0.98, Standing: Unknown, Confidence: 0.97,
					Evidence: []string{"98% of what the heap grew was allocated here", "there was nothing of it in the baseline", "181 objects of about 1.0 MiB each"}},
				{Kind: Heap, Frame: session, Value: Change{2 * mib, 5 * mib}, Unit: UnitBytes, Share: 0.016, Standing: Unknown, Confidence: 0.2,
					Evidence: []string{"3.0 MiB more, which may be a cache that warms up"}},
			},
		},
		Goroutine: &Comparison{
			Kind: Goroutine, Unit: UnitCount, BaseTime: base, NowTime: now, HasBase: true, Total: Change{22, 24},
			Goroutines: []GoroutineGroup{
				{Wait: "IO wait", Blocked: stdlib("net/http", "(*conn).serve", "server.go", 2070), Root: stdlib("net/http", "(*conn).serve", "server.go", 1930), Count: Change{8, 9}, Standing: Unknown},
				{Wait: "running", Blocked: leak, Root: stdlib("net/http", "(*conn).serve", "server.go", 1930), Count: Change{0, 1}, Standing: Unknown},
				{Wait: "select", Blocked: ours("session", "(*Store).sweep", "store.go", 120), Root: ours("session", "(*Store).sweep", "store.go", 110), Count: Change{1, 1}, Standing: 26 * time.Hour},
			},
		},
	}
}

// seedCase is the story that this library began with: goroutines leak slowly at
// one place while the memory of another package grows with their number.
func seedCase() Evidence {
	put := ours("storage", "(*Cache).Put", "storage.go", 85)
	watch := ours("storage", "(*Cache).watch", "storage.go", 40)
	sentry := theirs("(*profileRecorder).onTick", "profiler.go", 214)
	m := Manifest{
		Schema: 1, ID: "20261120T120000.000Z-goroutines-growing-7f3a", Rule: "goroutines-growing", Trigger: TriggerRule,
		Reason: "374 goroutines, 134 more in 40 min and none of them left", Opened: noon, Peak: 374, Unit: UnitCount, Build: acme,
		Process: Process{Service: "checkout", Host: "node-7", PID: 1, Started: noon.Add(-26 * time.Hour), GOMAXPROCS: 4},
		Limits:  []Limit{{Source: "cgroup v2", Path: "/sys/fs/cgroup/memory.max", Bytes: 512 * mib}},
		Trends: []Trend{
			{Signal: "goroutines", Unit: UnitCount, State: "leaking", Slope: 201, SlopeLow: 190, SlopeHigh: 215, Confidence: 0.99, Since: noon.Add(-40 * time.Minute), LimitSoonest: -1, LimitLatest: -1},
			{Signal: "live heap", Unit: UnitBytes, State: "leaking", Slope: 252 * mib, SlopeLow: 240 * mib, SlopeHigh: 268 * mib, Confidence: 0.98, Since: noon.Add(-40 * time.Minute),
				LimitSoonest: 9 * time.Minute, LimitLatest: 14 * time.Minute},
		},
		GoroutineSites: []GoroutineSite{{Frame: put, Root: watch.Function, Wait: "chan receive", Count: 150, Grown: 134, Since: noon.Add(-40 * time.Minute), Standing: 40 * time.Minute, Leaking: true}},
		Captures: []CaptureRecord{{Seq: 1, Time: noon, Steps: []Step{
			{Kind: Goroutine, File: "goroutine.pb.gz", Outcome: OutcomeWritten, TookNS: 2_000_000},
			{Kind: Heap, File: "heap.pb.gz", Outcome: OutcomeWritten, Stale: true, TookNS: 5_000_000},
			{Kind: Heap, File: "heap-fresh.pb.gz", Outcome: OutcomeWritten, TookNS: 60_000_000},
		}}},
		Decisions: []Decision{{Time: noon, Text: "opened: 134 more goroutines in 40 min"}},
		Artefacts: artefacts("goroutine.pb.gz", "heap.pb.gz", "heap-base.pb.gz", "goroutine-base.pb.gz", "heap-fresh.pb.gz", "goroutine.txt"),
	}
	// They come in bursts and pauses, as the requests do that leak them.
	goroutines := 240
	for i := range 81 {
		if i%10 < 6 && i > 0 && goroutines < 374 {
			goroutines += 2 + (i/10+i)%2
			goroutines = min(goroutines, 374)
		}
		leaked := Bytes(goroutines - 240)
		wobble := Bytes((i*37)%11-5) * 200 << 10
		m.History = append(m.History, HistoryPoint{
			Time:   noon.Add(time.Duration(i-80) * 30 * time.Second),
			Memory: 340*mib + leaked*1284<<10 + wobble, LiveHeap: 306*mib + leaked*1284<<10 + wobble, Goroutines: Count(goroutines),
		})
	}
	base := noon.Add(-42 * time.Minute)
	return Evidence{
		Manifest: m, Folder: "/var/lib/checkout/leakguard/" + m.ID,
		Heap: &Comparison{
			Kind: Heap, Unit: UnitBytes, BaseTime: base, NowTime: noon, HasBase: true, Total: Change{306 * mib, 482 * mib},
			Sites: []Growth{
				{Frame: sentry, Value: Change{298 * mib, 466 * mib}, Share: 0.955},
				{Frame: ours("orders", "(*Index).Add", "index.go", 33), Value: Change{8 * mib, 16 * mib}, Share: 0.045},
			},
			Modules: []Growth{
				{Frame: Frame{Module: "github.com/getsentry/sentry-go"}, Value: Change{298 * mib, 466 * mib}, Share: 0.955},
				{Frame: Frame{Module: "example.com/acme/shop"}, Value: Change{8 * mib, 16 * mib}, Share: 0.045},
			},
			Flame: &FlameNode{Name: "root", Value: 176 * mib, Children: []*FlameNode{
				{Name: "github.com/getsentry/sentry-go.(*profileRecorder).run", Value: 168 * mib, Children: []*FlameNode{
					{Name: "github.com/getsentry/sentry-go.(*profileRecorder).onTick", Value: 168 * mib},
				}},
				{Name: "net/http.(*conn).serve", Value: 8 * mib, Children: []*FlameNode{{Name: "example.com/acme/shop/orders.(*Index).Add", Value: 8 * mib}}},
			}},
			Suspects: []Suspect{
				{Kind: Heap, Frame: sentry, Value: Change{298 * mib, 466 * mib}, Unit: UnitBytes, Share: 0.955, Standing: Unknown, Confidence: 0.95,
					Evidence: []string{"96% of what the heap grew was allocated here"}},
				{Kind: Heap, Frame: ours("orders", "(*Index).Add", "index.go", 33), Value: Change{8 * mib, 16 * mib}, Unit: UnitBytes, Share: 0.045, Standing: Unknown, Confidence: 0.35,
					Evidence: []string{"it doubled"}},
			},
		},
		Goroutine: &Comparison{
			Kind: Goroutine, Unit: UnitCount, BaseTime: base, NowTime: noon, HasBase: true, Total: Change{240, 374},
			Goroutines: []GoroutineGroup{
				{Wait: "chan receive", Blocked: put, Root: watch, Labels: "route=/orders", Count: Change{16, 150}, Standing: 40 * time.Minute},
				{Wait: "IO wait", Blocked: stdlib("net/http", "(*conn).serve", "server.go", 2070), Root: stdlib("net/http", "(*conn).serve", "server.go", 1930), Count: Change{180, 181}, Standing: Unknown},
			},
			Suspects: []Suspect{
				{Kind: Goroutine, Frame: put, Wait: "chan receive", Value: Change{16, 150}, Unit: UnitCount, Share: 0.99, Standing: 40 * time.Minute, Confidence: 0.9,
					Evidence: []string{"134 more goroutines wait for the same, and nothing else in the program grew by as many"}},
			},
		},
	}
}

// nonGoCase is memory that no Go profile shows.
func nonGoCase() Evidence {
	m := Manifest{
		Schema: 1, ID: "20261120T120000.000Z-memory-00aa", Rule: "memory", Trigger: TriggerRule, Reason: "memory 461.0 MiB, 90% of 512.0 MiB",
		Opened: noon, Peak: 461 * mib, Unit: UnitBytes, Build: acme,
		Limits:    []Limit{{Source: "cgroup v1", Path: "/sys/fs/cgroup/memory/memory.limit_in_bytes", Bytes: 512 * mib}},
		Artefacts: artefacts("goroutine.pb.gz", "heap.pb.gz", "heap-base.pb.gz"),
		Captures: []CaptureRecord{{Seq: 1, Time: noon, Steps: []Step{
			{Kind: Heap, File: "heap.pb.gz", Outcome: OutcomeWritten, Stale: true},
			{Kind: Heap, Outcome: OutcomeSkipped, Reason: "a forced GC would take 80 ms, memory lasts 40 ms"},
		}}},
	}
	for i := range 61 {
		m.History = append(m.History, HistoryPoint{Time: noon.Add(time.Duration(i-60) * time.Minute), Memory: 251*mib + Bytes(i)*35*mib/10, LiveHeap: 80*mib + Bytes(i%5)*mib/2, Goroutines: 100})
	}
	r := NewReading(noon)
	r.Unreclaimable, r.HeapLive, r.Limit = 461*mib, 82*mib, 512*mib
	r.CgroupWorkingSet, r.CgroupShmem = 510*mib, 180*mib
	m.Readings = []Reading{r}
	site := ours("session", "(*Store).Get", "store.go", 61)
	return Evidence{
		Manifest: m, Folder: "/var/lib/o'hara/leak guard/" + m.ID,
		Heap: &Comparison{
			Kind: Heap, Unit: UnitBytes, BaseTime: noon.Add(-time.Hour), NowTime: noon, HasBase: true, Total: Change{80 * mib, 82 * mib},
			Sites:    []Growth{{Frame: site, Value: Change{10 * mib, 12 * mib}, Share: 1}},
			Modules:  []Growth{{Frame: Frame{Module: "example.com/acme/shop"}, Value: Change{10 * mib, 12 * mib}, Share: 1}},
			Suspects: []Suspect{{Kind: Heap, Frame: site, Value: Change{10 * mib, 12 * mib}, Unit: UnitBytes, Share: 1, Standing: Unknown, Confidence: 0.4}},
		},
		Warnings: []string{"goroutine-base.pb.gz cannot be read, so nothing is subtracted from goroutine.pb.gz: gzip: invalid header"},
	}
}

// tmpfsCase is a cgroup that somebody fills through /dev/shm.
func tmpfsCase() Evidence {
	m := Manifest{
		Schema: 1, ID: "20261120T120000.000Z-memory-5a5a", Rule: "memory", Trigger: TriggerRule, Reason: "memory 469.0 MiB, 92% of 512.0 MiB",
		Opened: noon, Peak: 469 * mib, Unit: UnitBytes, Build: acme,
		Limits:    []Limit{{Source: "cgroup v2", Path: "/sys/fs/cgroup/memory.max", Bytes: 512 * mib}},
		Artefacts: artefacts("goroutine.pb.gz", "heap.pb.gz"),
	}
	for i := range 20 {
		r := cgroupReading(noon.Add(time.Duration(i-20) * time.Second))
		r.CgroupShmem = Bytes(i+5) * 17 * mib
		r.CgroupUsage += r.CgroupShmem
		r.Unreclaimable = r.CgroupUsage - r.CgroupInactiveFile - r.CgroupActiveFile
		m.Readings = append(m.Readings, r)
	}
	return Evidence{Manifest: m, Folder: "/var/lib/checkout/leakguard/" + m.ID, Heap: &Comparison{
		Kind: Heap, Unit: UnitBytes, BaseTime: noon.Add(-time.Hour), NowTime: noon, HasBase: true, Total: Change{20 * mib, 20 * mib},
	}}
}

// nothingCase is a capture by hand of a healthy process.
func nothingCase() Evidence {
	m := Manifest{
		Schema: 1, ID: "20261120T120000.000Z-manual-beef", Rule: "manual", Trigger: TriggerManual, Reason: "weekly look", Opened: noon, Peak: Unknown, Build: acme,
		Artefacts: artefacts("goroutine.pb.gz", "heap.pb.gz", "heap-base.pb.gz"),
	}
	for i := range 3 {
		r := NewReading(noon.Add(time.Duration(i-3) * time.Second))
		r.RSS, r.HeapLive, r.Goroutines = 40*mib, 9*mib, 12
		m.Readings = append(m.Readings, r)
	}
	return Evidence{
		Manifest:  m,
		Heap:      &Comparison{Kind: Heap, Unit: UnitBytes, BaseTime: noon.Add(-24 * time.Hour), NowTime: noon, HasBase: true, Total: Change{9 * mib, 9*mib + 4096}},
		Goroutine: &Comparison{Kind: Goroutine, Unit: UnitCount, HasBase: true, Total: Change{12, 11}},
	}
}

// cutShortCase is all that a killed process could leave.
func cutShortCase() Evidence {
	m := Manifest{
		Schema: 1, ID: "20261120T120000.000Z-memory-dead", Rule: "memory", Opened: noon, Peak: Unknown, CutShort: true,
		Artefacts: artefacts("goroutine.pb.gz", "heap.pb.gz"),
	}
	site := ours("orders", "(*Index).Add", "index.go", 33)
	return Evidence{
		Manifest: m, Folder: "/tmp/leakguard/" + m.ID,
		Heap: &Comparison{
			Kind: Heap, Unit: UnitBytes, NowTime: noon, Total: Change{0, 300 * mib},
			Sites:    []Growth{{Frame: site, Value: Change{0, 210 * mib}, Share: 0.7}},
			Flame:    &FlameNode{Name: "root", Value: 300 * mib, Children: []*FlameNode{{Name: site.Function, Value: 210 * mib}}},
			Suspects: []Suspect{{Kind: Heap, Frame: site, Value: Change{0, 210 * mib}, Unit: UnitBytes, Share: 0.7, Standing: Unknown, Confidence: 0.45}},
			Warnings: []string{"there is no baseline: what is large is not what grew"},
		},
		Warnings: []string{"goroutine.pb.gz cannot be read: unexpected EOF"},
	}
}

// twoFilesCase is two profiles that somebody compares.
func twoFilesCase() Evidence {
	e := Evidence{BaseFile: "old.pb.gz", NowFile: "new heap.pb.gz"}
	var sites []Growth
	root := &FlameNode{Name: "root", Value: 100 * mib}
	for i := range 40 {
		f := ours(fmt.Sprintf("pkg%d", i/4), fmt.Sprintf("(*T%d).Make", i), "make.go", 10+i)
		size := int64(20 * mib >> (i / 3))
		sites = append(sites, Growth{Frame: f, Value: Change{0, size}, Share: float64(size) / float64(100*mib)})
		root.Children = append(root.Children, &FlameNode{Name: f.Function, Value: size})
	}
	e.Heap = &Comparison{Kind: Heap, Unit: UnitBytes, HasBase: true, Total: Change{50 * mib, 150 * mib}, Sites: sites, Flame: root,
		Suspects: []Suspect{{Kind: Heap, Frame: sites[0].Frame, Value: sites[0].Value, Unit: UnitBytes, Share: 0.2, Standing: Unknown, Confidence: 0.6, Evidence: []string{"20% of what the heap grew"}}}}
	return e
}
