package guard

import (
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// observer turns readings into the policy's view, with growth and the calm state for
// comparison. It depends only on its inputs, and uses neither clock nor process.
type observer struct {
	view    view
	trends  trends
	floors  floors
	leaked  int64  // goroutines that the census judges to be leaked, or Unknown
	growth  growth // of Memory
	alloc   growth // of the total allocated so far
	stalls  stalls
	soft    softLimit
	live    growth // of live heap and stacks
	lastGC  profile.Count
	lastCPU time.Duration
	lastAt  time.Duration
	warm    bool
}

func newObserver() observer {
	o := observer{lastCPU: profile.Unknown, leaked: profile.Unknown, floors: newFloors(defaultFloorWindow)}
	o.view.canJudge = true
	for i := range o.view.base {
		o.view.base[i] = profile.Unknown
	}
	return o
}

// observe updates the view with a reading. It returns the CPU time used per wall time
// since the last reading, or -1. hostUsed is the value of HostMemory, capture the
// expected duration of a capture, and calm says that no incident is open.
func (o *observer) observe(at time.Duration, r *incident.Reading, limits *Limits, hostUsed int64, capture time.Duration, calm bool) (cores float64) {
	v := &o.view
	v.at = at
	v.values = signalValues(r, hostUsed)
	v.values[LeakedGoroutines] = o.leaked
	o.floors.observe(at, r)
	v.values[CPUFloor], v.values[WakeupFloor] = o.floors.cpu, o.floors.wakeups
	v.limits = [signals]int64{
		Memory: limits.Kill, LiveHeap: limits.soft(), Goroutines: profile.Unknown,
		ResidentSet: limits.Kill, WorkingSet: limits.Kill, Stacks: limits.soft(),
		Threads: profile.Unknown, HostMemory: limits.Host, NonGo: limits.Kill, LeakedGoroutines: profile.Unknown,
		CPUFloor: profile.Unknown, WakeupFloor: profile.Unknown, Throttled: profile.Unknown,
	}
	if limits.Throttle > 0 {
		v.limits[Throttled] = limits.Throttle
	}
	v.throttle = o.stalls.observe(at, r)
	o.setBase(at, calm)
	v.headroom = profile.Unknown
	if limits.Kill > 0 && r.Unreclaimable.Known() {
		v.headroom = max(limits.Kill-int64(r.Unreclaimable), 0)
		if limits.KillSource == sourceHost && r.HostAvailable.Known() {
			v.headroom = min(v.headroom, int64(r.HostAvailable))
		}
	}
	v.soft = o.soft.observe(at, r, limits)
	v.spare = v.headroom
	if v.soft {
		v.spare = limits.kernelRoom(r)
	}
	if r.Unreclaimable.Known() {
		o.growth.add(point{at: at, cpu: r.CPUTime, bytes: int64(r.Unreclaimable)})
	}
	if r.NumGC != o.lastGC && r.HeapLive.Known() && r.StackInuse.Known() {
		o.lastGC = r.NumGC
		o.live.add(point{at: at, cpu: profile.Unknown, bytes: int64(r.HeapLive + r.StackInuse)})
	}
	v.heap = newHeapView(r)
	v.liveRoom = v.headroom
	if v.headroom >= 0 && r.HeapAlloc.Known() && r.HeapLive.Known() {
		v.liveRoom += max(int64(r.HeapAlloc-r.HeapLive), 0)
	}
	if r.TotalAlloc.Known() {
		o.alloc.add(point{at: at, cpu: r.CPUTime, bytes: int64(r.TotalAlloc)})
	}
	v.growth, v.live, v.alloc, v.trends = &o.growth, &o.live, &o.alloc, &o.trends
	v.capture = capture
	o.trends.observe(v, &o.floors)

	cores = -1
	if took := at - o.lastAt; took > 0 && r.CPUTime >= 0 && o.lastCPU >= 0 {
		cores = (r.CPUTime - o.lastCPU).Seconds() / took.Seconds()
	}
	o.lastAt, o.lastCPU = at, r.CPUTime
	return cores
}

// setBase sets the baselines of growth lines: the first known value, and later the
// value when the process is warm. During an incident the baseline does not move, or
// the incident would close merely because it lasts.
func (o *observer) setBase(at time.Duration, calm bool) {
	v := &o.view
	warm := !o.warm && at >= warmAfter && calm
	for s, value := range v.values {
		if value >= 0 && (warm || v.base[s] < 0) {
			v.base[s] = value
		}
	}
	o.warm = o.warm || warm
}

// signalValues returns the values of the signals in a reading.
func signalValues(r *incident.Reading, hostUsed int64) [signals]int64 {
	return [signals]int64{
		Memory: int64(r.Unreclaimable), LiveHeap: int64(r.HeapLive), Goroutines: int64(r.Goroutines),
		ResidentSet: int64(r.RSS), WorkingSet: int64(r.CgroupWorkingSet), Stacks: int64(r.StackInuse),
		Threads: int64(r.Threads), HostMemory: hostUsed, NonGo: nonGo(r), LeakedGoroutines: profile.Unknown,
		CPUFloor: profile.Unknown, WakeupFloor: profile.Unknown, Throttled: int64(r.CgroupHighMemory),
	}
}

// nonGo returns the memory that Go does not manage, or Unknown.
func nonGo(r *incident.Reading) int64 {
	if !r.RSSAnon.Known() || !r.Sys.Known() || !r.HeapReleased.Known() {
		return profile.Unknown
	}
	return max(int64(r.RSSAnon-(r.Sys-r.HeapReleased)), 0)
}
