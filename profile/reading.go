package profile

import "time"

// Reading is what one sampling of the process gave.
//
// A field that this platform, kernel or toolchain does not tell is [Unknown]
// (its JSON is null), never 0. Where [runtime.MemStats] has the quantity the
// field bears its name and equals it, though it comes from [runtime/metrics],
// which reads it without stopping the world. These fields of MemStats have no
// exact source there and are therefore absent: Lookups, PauseTotalNs, PauseNs,
// PauseEnd, LastGC, GCCPUFraction, EnableGC, DebugGC, BySize (its histogram
// has other buckets).
type Reading struct {
	// Time is when the reading was taken, by the wall clock, with Go's
	// monotonic clock beside it while it stays in the process.
	Time time.Time `json:"time"`

	// The Go heap, in bytes. HeapAlloc is live objects plus garbage that is
	// not swept yet; HeapLive is what the last garbage collection found
	// reachable, the only one of these that a leak alone can raise for long.
	HeapAlloc    Bytes `json:"heap_alloc_bytes"`
	HeapLive     Bytes `json:"heap_live_bytes"`
	HeapInuse    Bytes `json:"heap_inuse_bytes"`
	HeapIdle     Bytes `json:"heap_idle_bytes"`
	HeapReleased Bytes `json:"heap_released_bytes"`
	HeapSys      Bytes `json:"heap_sys_bytes"`
	TotalAlloc   Bytes `json:"total_alloc_bytes"`
	HeapObjects  Count `json:"heap_objects"`
	Mallocs      Count `json:"mallocs"`
	Frees        Count `json:"frees"`

	// The rest of the Go runtime, in bytes.
	StackInuse  Bytes `json:"stack_inuse_bytes"`
	StackSys    Bytes `json:"stack_sys_bytes"`
	MSpanInuse  Bytes `json:"mspan_inuse_bytes"`
	MSpanSys    Bytes `json:"mspan_sys_bytes"`
	MCacheInuse Bytes `json:"mcache_inuse_bytes"`
	MCacheSys   Bytes `json:"mcache_sys_bytes"`
	BuckHashSys Bytes `json:"buck_hash_sys_bytes"`
	GCSys       Bytes `json:"gc_sys_bytes"`
	OtherSys    Bytes `json:"other_sys_bytes"`
	Sys         Bytes `json:"sys_bytes"`

	// The garbage collector. NextGC is the heap size at which the next
	// cycle is due to end, ScanHeap how much of the heap holds pointers and
	// so has to be marked, MemoryLimit GOMEMLIMIT (unknown when it is off).
	NextGC      Bytes `json:"next_gc_bytes"`
	ScanHeap    Bytes `json:"scan_heap_bytes"`
	MemoryLimit Bytes `json:"gomemlimit_bytes"`
	NumGC       Count `json:"num_gc"`
	NumForcedGC Count `json:"num_forced_gc"`

	// Goroutines in all; by state and ever created since Go 1.26.
	Goroutines        Count `json:"goroutines"`
	GoroutinesRunning Count `json:"goroutines_running"`
	GoroutinesReady   Count `json:"goroutines_runnable"`
	GoroutinesWaiting Count `json:"goroutines_waiting"`
	GoroutinesNotInGo Count `json:"goroutines_not_in_go"`
	GoroutinesCreated Count `json:"goroutines_created"`

	// The process as the kernel sees it: resident set, its anonymous and
	// shared memory parts, threads, and user plus system CPU time.
	RSS      Bytes         `json:"rss_bytes"`
	RSSAnon  Bytes         `json:"rss_anon_bytes"`
	RSSShmem Bytes         `json:"rss_shmem_bytes"`
	Threads  Count         `json:"threads"`
	CPUTime  time.Duration `json:"cpu_time_ns"`
	// Wakeups is how often goroutines became runnable since the process began,
	// by a sample of one in eight ([runtime/metrics], /sched/latencies).
	Wakeups Count `json:"wakeups"`

	// The memory cgroup: this process's, or where a group above has the
	// smallest limit, such as a pod's, that group. WorkingSet is the kubelet's: usage less inactive
	// file cache; active file cache is still in it, so it can be near the
	// limit with an empty heap.
	CgroupUsage      Bytes `json:"cgroup_usage_bytes"`
	CgroupWorkingSet Bytes `json:"cgroup_working_set_bytes"`
	CgroupAnon       Bytes `json:"cgroup_anon_bytes"`
	CgroupFile       Bytes `json:"cgroup_file_bytes"`
	CgroupShmem      Bytes `json:"cgroup_shmem_bytes"`

	// More rows of the cgroup's memory.stat, by their names there (v1: with
	// total_ before it), for [Reading.Division]. CgroupKernel is v2's kernel, v1's
	// memory.kmem.usage_in_bytes; CgroupSock is not in it.
	CgroupInactiveFile Bytes `json:"cgroup_inactive_file_bytes"`
	CgroupActiveFile   Bytes `json:"cgroup_active_file_bytes"`
	CgroupDirty        Bytes `json:"cgroup_dirty_bytes"`
	CgroupWriteback    Bytes `json:"cgroup_writeback_bytes"`
	CgroupUnevictable  Bytes `json:"cgroup_unevictable_bytes"`
	CgroupKernel       Bytes `json:"cgroup_kernel_bytes"`
	CgroupSlab         Bytes `json:"cgroup_slab_bytes"`
	CgroupSock         Bytes `json:"cgroup_sock_bytes"`
	// CgroupLimit is the limit of the cgroup; unknown where it has none, or one
	// above the host's memory. Only where it is known the limit is about all of
	// the cgroup and not about this process alone.
	CgroupLimit Bytes `json:"cgroup_limit_bytes"`

	// HostAvailable is the kernel's estimate of what the host could still
	// hand out without swapping (MemAvailable in proc_meminfo(5)).
	HostAvailable Bytes `json:"host_available_bytes"`

	// Unreclaimable is the memory that the kernel cannot take back before it
	// kills for want of memory. In a cgroup: usage − (inactive_file +
	// active_file), as for dirty pages it waits until they are written.
	// Without one: the anonymous and shared parts of the resident set.
	Unreclaimable Bytes `json:"unreclaimable_bytes"`
	// Limit is what Unreclaimable must stay below, as found or configured.
	Limit Bytes `json:"limit_bytes"`
}

// NewReading returns a reading of which nothing is known but its time.
func NewReading(t time.Time) Reading {
	return Reading{
		Time:      t,
		HeapAlloc: Unknown, HeapLive: Unknown, HeapInuse: Unknown, HeapIdle: Unknown,
		HeapReleased: Unknown, HeapSys: Unknown, TotalAlloc: Unknown,
		HeapObjects: Unknown, Mallocs: Unknown, Frees: Unknown,
		StackInuse: Unknown, StackSys: Unknown, MSpanInuse: Unknown, MSpanSys: Unknown,
		MCacheInuse: Unknown, MCacheSys: Unknown, BuckHashSys: Unknown, GCSys: Unknown,
		OtherSys: Unknown, Sys: Unknown,
		NextGC: Unknown, ScanHeap: Unknown, MemoryLimit: Unknown, NumGC: Unknown, NumForcedGC: Unknown,
		Goroutines: Unknown, GoroutinesRunning: Unknown, GoroutinesReady: Unknown,
		GoroutinesWaiting: Unknown, GoroutinesNotInGo: Unknown, GoroutinesCreated: Unknown,
		RSS: Unknown, RSSAnon: Unknown, RSSShmem: Unknown, Threads: Unknown, CPUTime: Unknown, Wakeups: Unknown,
		CgroupUsage: Unknown, CgroupWorkingSet: Unknown, CgroupAnon: Unknown, CgroupFile: Unknown, CgroupShmem: Unknown,
		CgroupInactiveFile: Unknown, CgroupActiveFile: Unknown, CgroupDirty: Unknown, CgroupWriteback: Unknown,
		CgroupUnevictable: Unknown, CgroupKernel: Unknown, CgroupSlab: Unknown, CgroupSock: Unknown, CgroupLimit: Unknown,
		HostAvailable: Unknown, Unreclaimable: Unknown, Limit: Unknown,
	}
}
