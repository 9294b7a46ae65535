package metric

import (
	"math"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

type (
	snapshot = guard.Snapshot
	emitter  = func(value float64, labels ...string)
)

// List returns all metrics, in the order in which to show them.
func List() []Metric {
	return append(levels(), counters()...)
}

// of returns a function that reads one quantity of the last reading.
func of[T ~int64](pick func(r *incident.Reading) T) func(*snapshot, emitter) {
	return func(s *snapshot, emit emitter) {
		if v := pick(&s.Reading); v >= 0 && !s.Reading.Time.IsZero() {
			emit(float64(v))
		}
	}
}

func levels() []Metric {
	type reading = incident.Reading
	return []Metric{
		{Name: "live_heap", Unit: Bytes, Kind: Sum, Help: "Heap found reachable by the last garbage collection.",
			Read: of(func(r *reading) profile.Bytes { return r.HeapLive })},
		{Name: "heap", Unit: Bytes, Kind: Sum, Help: "Heap in use: live objects and garbage not yet swept.",
			Read: of(func(r *reading) profile.Bytes { return r.HeapAlloc })},
		{Name: "goroutines", Semantic: "go.goroutine.count", Unit: "{goroutine}", Kind: Sum, Help: "Goroutines that exist.",
			Read: of(func(r *reading) profile.Count { return r.Goroutines })},
		{Name: "leaked_goroutines", Unit: "{goroutine}", Kind: Sum, Help: "Goroutines at sites that the census considers leaking.",
			Read: leaked},
		{Name: "threads", Semantic: "process.thread.count", Unit: "{thread}", Kind: Sum, Help: "Threads of the process.",
			Read: of(func(r *reading) profile.Count { return r.Threads })},
		{Name: "resident_set", Semantic: "process.memory.usage", Unit: Bytes, Kind: Sum, Help: "Resident set of the process, file pages included.",
			Read: of(func(r *reading) profile.Bytes { return r.RSS })},
		{Name: "working_set", Semantic: "container.memory.working_set", Unit: Bytes, Kind: Sum, Help: "Usage of the memory cgroup less its inactive file cache, as counted by the kubelet.",
			Read: of(func(r *reading) profile.Bytes { return r.CgroupWorkingSet })},
		{Name: "cgroup_usage", Semantic: "container.memory.usage", Unit: Bytes, Kind: Sum, Help: "Usage of the memory cgroup, page cache included.",
			Read: of(func(r *reading) profile.Bytes { return r.CgroupUsage })},
		{Name: "memory", Unit: Bytes, Kind: Sum, Help: "Memory that the kernel cannot reclaim at the limit.",
			Read: of(func(r *reading) profile.Bytes { return r.Unreclaimable })},
		{Name: "memory_part", Unit: Bytes, Kind: Sum, Labels: []string{"part"}, Help: "Breakdown of the memory that the limit applies to; the parts add up to the whole.",
			Read: parts},
		{Name: "limit", Unit: Bytes, Kind: Sum, Labels: []string{"source"}, Help: "Memory limit above which the process is killed, and its source.",
			Read: limit},
		{Name: "gomemlimit", Semantic: "go.memory.limit", Unit: Bytes, Kind: Sum, Help: "Soft memory limit of the Go runtime (GOMEMLIMIT); absent if not set.",
			Read: of(func(r *reading) profile.Bytes { return r.MemoryLimit })},
		{Name: "memory_growth", Unit: BytesPerSecond, Kind: Gauge, Float: true, Help: "Current rate of change of the memory that cannot be reclaimed.",
			Read: func(s *snapshot, emit emitter) {
				if !s.Reading.Time.IsZero() {
					emit(s.Rate)
				}
			}},
		{Name: "time_to_limit", Unit: Seconds, Kind: Gauge, Float: true, Help: "Time until memory reaches the limit at the current rate; +Inf while it does not grow.",
			Read: timeToLimit},
		{Name: "under_pressure", Unit: Dimensionless, Kind: Gauge, Help: "Whether an out-of-memory kill is close enough to act now: 1 or 0.",
			Read: func(s *snapshot, emit emitter) {
				if !s.Reading.Time.IsZero() {
					emit(one(s.Pressure.Under))
				}
			}},
		{Name: "rule_open", Unit: Dimensionless, Kind: Gauge, Labels: []string{"rule"}, Help: "Whether the rule has an open incident: 1 or 0.",
			Read: func(s *snapshot, emit emitter) {
				for _, r := range s.Rules {
					emit(one(r.Open), r.Rule.Name)
				}
			}},
		{Name: "trend_state", Unit: Dimensionless, Kind: Gauge, Labels: []string{"signal", "state"},
			Help: "Trend of a signal over hours: 1 for its current state, 0 for the others.",
			Read: func(s *snapshot, emit emitter) {
				for _, t := range s.Trends {
					for _, state := range []incident.TrendState{incident.TrendCalm, incident.TrendGrowing, incident.TrendLeaking} {
						emit(one(t.State == state), t.Signal, string(state))
					}
				}
			}},
	}
}

func counters() []Metric {
	total := func(name, unit, help string, pick func(c *guard.Counters) int64) Metric {
		return Metric{Name: name, Unit: unit, Kind: Counter, Help: help,
			Read: func(s *snapshot, emit emitter) { emit(float64(pick(&s.Counters))) }}
	}
	type c = guard.Counters
	return []Metric{
		total("readings", "{reading}", "Readings taken of the process.", func(c *c) int64 { return c.Readings }),
		{Name: "incidents", Unit: "{incident}", Kind: Counter, Labels: []string{"rule"}, Help: "Incidents opened.",
			Read: func(s *snapshot, emit emitter) {
				for _, r := range s.Rules {
					emit(float64(r.Incidents), r.Rule.Name)
				}
				emit(float64(s.Counters.Manual), "manual")
			}},
		{Name: "pressure_episodes", Unit: "{episode}", Kind: Counter, Help: "Times that an out-of-memory kill came close enough to act.",
			Read: func(s *snapshot, emit emitter) { emit(float64(s.Pressure.Episodes)) }},
		{Name: "captures", Unit: "{profile}", Kind: Counter, Labels: []string{"kind", "outcome"}, Help: "Profiles requested by captures, by outcome.",
			Read: func(s *snapshot, emit emitter) {
				for _, p := range s.Profiles {
					emit(float64(p.Count), p.Kind.String(), string(p.Outcome))
				}
			}},
		total("captures_refuted", "{capture}", "Captures discarded because the growth was garbage.", func(c *c) int64 { return c.Refuted }),
		total("baselines", "{profile}", "Baseline profiles written.", func(c *c) int64 { return c.Baselines }),
		total("censuses", "{census}", "Goroutine censuses taken.", func(c *c) int64 { return c.Censuses }),
		total("reports", "{report}", "Reports written.", func(c *c) int64 { return c.Explained }),
		total("events_delivered", "{event}", "Events accepted by a sink.", func(c *c) int64 { return c.Delivered }),
		total("sink_failures", "{delivery}", "Deliveries to a sink that failed, panicked or timed out; events not accepted are offered again.",
			func(c *c) int64 { return c.SinkFailures }),
		{Name: "dropped", Unit: "{thing}", Kind: Counter, Labels: []string{"what", "why"}, Help: "Items dropped, by kind and reason.",
			Read: func(s *snapshot, emit emitter) {
				emit(float64(s.Counters.DroppedEvents), "event", "queue_full")
				emit(float64(s.Counters.DroppedJobs), "job", "queue_full")
				emit(float64(s.Counters.DroppedLogLines), "log_line", "queue_full")
				emit(float64(s.Counters.FailedCaptures), "capture", "failed")
				emit(float64(s.Counters.FailedBaselines), "baseline", "failed")
				emit(float64(s.Counters.FailedReports), "report", "failed")
			}},
		total("panics", "{panic}", "Panics recovered in sinks and in the guard itself.", func(c *c) int64 { return c.Panics }),
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func leaked(s *snapshot, emit emitter) {
	if s.Counters.Censuses == 0 {
		return
	}
	var n int64
	for _, site := range s.GoroutineSites {
		if site.Leaking {
			n += site.Count
		}
	}
	emit(float64(n))
}

// partNames are the parts' names as label values: Part.Name is prose.
var partNames = []struct {
	label string
	pick  func(d *incident.Division) profile.Bytes
}{
	{"go_live_heap", func(d *incident.Division) profile.Bytes { return d.GoLive }},
	{"go_garbage", func(d *incident.Division) profile.Bytes { return d.GoGarbage }},
	{"go_stacks", func(d *incident.Division) profile.Bytes { return d.GoStacks }},
	{"go_runtime", func(d *incident.Division) profile.Bytes { return d.GoRuntime }},
	{"non_go", func(d *incident.Division) profile.Bytes { return d.NonGo }},
	{"other_processes", func(d *incident.Division) profile.Bytes { return d.OtherProcesses }},
	{"shmem", func(d *incident.Division) profile.Bytes { return d.Shmem }},
	{"locked", func(d *incident.Division) profile.Bytes { return d.Locked }},
	{"dirty", func(d *incident.Division) profile.Bytes { return d.Dirty }},
	{"kernel", func(d *incident.Division) profile.Bytes { return d.Kernel }},
	{"kernel_cache", func(d *incident.Division) profile.Bytes { return d.KernelCache }},
	{"file_cache", func(d *incident.Division) profile.Bytes { return d.FileCache }},
	{"unattributed", func(d *incident.Division) profile.Bytes { return d.Unattributed }},
}

func parts(s *snapshot, emit emitter) {
	if s.Reading.Time.IsZero() {
		return
	}
	d := s.Reading.Division()
	if !d.Total.Known() {
		return
	}
	for _, p := range partNames {
		emit(float64(p.pick(&d)), p.label)
	}
}

func limit(s *snapshot, emit emitter) {
	if s.Limits.Kill > 0 {
		emit(float64(s.Limits.Kill), s.Limits.KillSource)
	}
}

func timeToLimit(s *snapshot, emit emitter) {
	room := s.Limits.Kill - int64(s.Reading.Unreclaimable)
	switch {
	case s.Limits.Kill <= 0 || !s.Reading.Unreclaimable.Known() || s.Reading.Time.IsZero():
	case room <= 0:
		emit(0)
	case s.Rate <= 0:
		emit(math.Inf(1))
	default:
		emit(float64(room) / s.Rate)
	}
}
