package incident

import (
	"time"

	"github.com/leakguard/leakguard/profile"
)

// Reading is one sample of the process and its surroundings: heap, runtime,
// goroutines, process, cgroup and host.
//
// A value that this platform, kernel or toolchain does not report is
// [profile.Unknown], null in JSON, never 0. A field named like one of
// [runtime.MemStats] has the same value, but comes from [runtime/metrics],
// which does not stop the world. Reading has no Lookups, PauseTotalNs, PauseNs,
// PauseEnd, LastGC, GCCPUFraction, EnableGC, DebugGC and BySize, because
// [runtime/metrics] has no exact counterpart.
type Reading struct {
	// Time is when the reading was taken, by the wall clock. Within the process
	// it also has Go's monotonic clock.
	Time time.Time `json:"time"`

	// The Go heap, in bytes. HeapAlloc is live objects plus garbage not swept
	// yet. HeapLive is what the last garbage collection found reachable, the
	// only one of these that only a leak can raise for long.
	HeapAlloc    profile.Bytes `json:"heap_alloc_bytes"`
	HeapLive     profile.Bytes `json:"heap_live_bytes"`
	HeapInuse    profile.Bytes `json:"heap_inuse_bytes"`
	HeapIdle     profile.Bytes `json:"heap_idle_bytes"`
	HeapReleased profile.Bytes `json:"heap_released_bytes"`
	HeapSys      profile.Bytes `json:"heap_sys_bytes"`
	TotalAlloc   profile.Bytes `json:"total_alloc_bytes"`
	HeapObjects  profile.Count `json:"heap_objects"`
	Mallocs      profile.Count `json:"mallocs"`
	Frees        profile.Count `json:"frees"`

	// The rest of the Go runtime, in bytes.
	StackInuse  profile.Bytes `json:"stack_inuse_bytes"`
	StackSys    profile.Bytes `json:"stack_sys_bytes"`
	MSpanInuse  profile.Bytes `json:"mspan_inuse_bytes"`
	MSpanSys    profile.Bytes `json:"mspan_sys_bytes"`
	MCacheInuse profile.Bytes `json:"mcache_inuse_bytes"`
	MCacheSys   profile.Bytes `json:"mcache_sys_bytes"`
	BuckHashSys profile.Bytes `json:"buck_hash_sys_bytes"`
	GCSys       profile.Bytes `json:"gc_sys_bytes"`
	OtherSys    profile.Bytes `json:"other_sys_bytes"`
	Sys         profile.Bytes `json:"sys_bytes"`

	// The garbage collector. NextGC is the heap size at which the next cycle is
	// due to end. ScanHeap is how much of the heap has pointers and must be
	// scanned. MemoryLimit is GOMEMLIMIT, unknown if it is off.
	NextGC      profile.Bytes `json:"next_gc_bytes"`
	ScanHeap    profile.Bytes `json:"scan_heap_bytes"`
	MemoryLimit profile.Bytes `json:"gomemlimit_bytes"`
	NumGC       profile.Count `json:"num_gc"`
	NumForcedGC profile.Count `json:"num_forced_gc"`

	// Goroutines is the number of all goroutines. The others, by state and
	// created since the start, need Go 1.26.
	Goroutines        profile.Count `json:"goroutines"`
	GoroutinesRunning profile.Count `json:"goroutines_running"`
	GoroutinesReady   profile.Count `json:"goroutines_runnable"`
	GoroutinesWaiting profile.Count `json:"goroutines_waiting"`
	GoroutinesNotInGo profile.Count `json:"goroutines_not_in_go"`
	GoroutinesCreated profile.Count `json:"goroutines_created"`

	// The process as the kernel sees it: its resident set, the anonymous and
	// shared parts of that, threads, and user plus system CPU time.
	RSS      profile.Bytes `json:"rss_bytes"`
	RSSAnon  profile.Bytes `json:"rss_anon_bytes"`
	RSSShmem profile.Bytes `json:"rss_shmem_bytes"`
	Threads  profile.Count `json:"threads"`
	CPUTime  time.Duration `json:"cpu_time_ns"`
	// Wakeups is how often goroutines became runnable since the process
	// started, estimated from a sample of one in eight ([runtime/metrics],
	// /sched/latencies).
	Wakeups profile.Count `json:"wakeups"`

	// The memory cgroup: that of this process or, if a cgroup above it has a
	// smaller limit, such as a pod's, that one. WorkingSet is defined as in the
	// kubelet: usage less inactive file cache. It includes active file cache,
	// so it can be near the limit while the heap is empty.
	CgroupUsage      profile.Bytes `json:"cgroup_usage_bytes"`
	CgroupWorkingSet profile.Bytes `json:"cgroup_working_set_bytes"`
	CgroupAnon       profile.Bytes `json:"cgroup_anon_bytes"`
	CgroupFile       profile.Bytes `json:"cgroup_file_bytes"`
	CgroupShmem      profile.Bytes `json:"cgroup_shmem_bytes"`

	// More rows of the cgroup's memory.stat for [Reading.Division], with their
	// names there (in v1 with the prefix total_). CgroupKernel is kernel in v2,
	// memory.kmem.usage_in_bytes in v1; it does not include CgroupSock.
	CgroupInactiveFile profile.Bytes `json:"cgroup_inactive_file_bytes"`
	CgroupActiveFile   profile.Bytes `json:"cgroup_active_file_bytes"`
	CgroupDirty        profile.Bytes `json:"cgroup_dirty_bytes"`
	CgroupWriteback    profile.Bytes `json:"cgroup_writeback_bytes"`
	CgroupUnevictable  profile.Bytes `json:"cgroup_unevictable_bytes"`
	// CgroupKernelReclaimable is the part of CgroupKernel that the kernel takes
	// back before it kills, mostly dentries and inodes: slab_reclaimable in v2. v1
	// does not report it, so it is what exceeds the amount that reclaims at the
	// limit have left or, before the first, the amount at the start.
	CgroupKernel            profile.Bytes `json:"cgroup_kernel_bytes"`
	CgroupKernelReclaimable profile.Bytes `json:"cgroup_kernel_reclaimable_bytes"`
	CgroupSlab              profile.Bytes `json:"cgroup_slab_bytes"`
	CgroupSock              profile.Bytes `json:"cgroup_sock_bytes"`
	// CgroupLimit is the limit of the cgroup; unknown if it has none, or one
	// above the host's memory. If it is known, Limit applies to the whole
	// cgroup, otherwise to this process alone.
	CgroupLimit profile.Bytes `json:"cgroup_limit_bytes"`

	// CgroupHigh is memory.high of cgroup v2, above which the kernel throttles
	// the processes of the cgroup that sets it and kills none: this process's
	// cgroup or one above it. It is unknown if there is none below CgroupLimit.
	// CgroupHighMemory is the memory of that cgroup that the kernel cannot
	// reclaim. CgroupHighEvents counts how often the kernel has throttled
	// (memory.events), and CgroupStalled is for how long in total some task of
	// this process's cgroup waited for memory (memory.pressure). They are up to
	// a second old.
	CgroupHigh       profile.Bytes `json:"cgroup_high_bytes"`
	CgroupHighMemory profile.Bytes `json:"cgroup_high_unreclaimable_bytes"`
	CgroupHighEvents profile.Count `json:"cgroup_high_events"`
	CgroupStalled    time.Duration `json:"cgroup_stalled_ns"`

	// HostAvailable is the kernel's estimate of how much memory the host can
	// still hand out without swapping (MemAvailable in proc_meminfo(5)).
	HostAvailable profile.Bytes `json:"host_available_bytes"`

	// Unreclaimable is the memory that the kernel cannot reclaim before it
	// kills a process. In a cgroup it is usage − (inactive_file + active_file) −
	// CgroupKernelReclaimable, because the kernel waits for dirty pages to be
	// written. Elsewhere it is the anonymous and shared parts of the resident set.
	Unreclaimable profile.Bytes `json:"unreclaimable_bytes"`
	// Limit is what Unreclaimable must stay below, detected or configured.
	Limit profile.Bytes `json:"limit_bytes"`
}

// NewReading returns a reading taken at t with all other values unknown.
func NewReading(t time.Time) Reading {
	return Reading{
		Time:      t,
		HeapAlloc: profile.Unknown, HeapLive: profile.Unknown, HeapInuse: profile.Unknown, HeapIdle: profile.Unknown,
		HeapReleased: profile.Unknown, HeapSys: profile.Unknown, TotalAlloc: profile.Unknown,
		HeapObjects: profile.Unknown, Mallocs: profile.Unknown, Frees: profile.Unknown,
		StackInuse: profile.Unknown, StackSys: profile.Unknown, MSpanInuse: profile.Unknown, MSpanSys: profile.Unknown,
		MCacheInuse: profile.Unknown, MCacheSys: profile.Unknown, BuckHashSys: profile.Unknown, GCSys: profile.Unknown,
		OtherSys: profile.Unknown, Sys: profile.Unknown,
		NextGC: profile.Unknown, ScanHeap: profile.Unknown, MemoryLimit: profile.Unknown, NumGC: profile.Unknown, NumForcedGC: profile.Unknown,
		Goroutines: profile.Unknown, GoroutinesRunning: profile.Unknown, GoroutinesReady: profile.Unknown,
		GoroutinesWaiting: profile.Unknown, GoroutinesNotInGo: profile.Unknown, GoroutinesCreated: profile.Unknown,
		RSS: profile.Unknown, RSSAnon: profile.Unknown, RSSShmem: profile.Unknown, Threads: profile.Unknown, CPUTime: profile.Unknown, Wakeups: profile.Unknown,
		CgroupUsage: profile.Unknown, CgroupWorkingSet: profile.Unknown, CgroupAnon: profile.Unknown, CgroupFile: profile.Unknown, CgroupShmem: profile.Unknown,
		CgroupInactiveFile: profile.Unknown, CgroupActiveFile: profile.Unknown, CgroupDirty: profile.Unknown, CgroupWriteback: profile.Unknown,
		CgroupUnevictable: profile.Unknown, CgroupKernel: profile.Unknown, CgroupKernelReclaimable: profile.Unknown, CgroupSlab: profile.Unknown, CgroupSock: profile.Unknown, CgroupLimit: profile.Unknown,
		CgroupHigh: profile.Unknown, CgroupHighMemory: profile.Unknown, CgroupHighEvents: profile.Unknown, CgroupStalled: profile.Unknown,
		HostAvailable: profile.Unknown, Unreclaimable: profile.Unknown, Limit: profile.Unknown,
	}
}
