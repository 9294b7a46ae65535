package postmortem

import (
	"github.com/leakguard/leakguard/internal/blackbox"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// column is a value of a sample in the black box.
type column struct {
	name  string // the name in the reading's JSON
	field func(r *incident.Reading) *int64
}

// columns are the values of a reading that the box stores. They include those that
// [incident.Reading.Division] needs, so that the report of a death can say what filled the
// memory. Add new columns at the end and never rename one, because other versions read them
// by name.
var columns = [...]column{
	{"unreclaimable_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.Unreclaimable) }},
	{"limit_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.Limit) }},
	{"heap_alloc_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.HeapAlloc) }},
	{"heap_live_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.HeapLive) }},
	{"heap_idle_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.HeapIdle) }},
	{"heap_released_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.HeapReleased) }},
	{"stack_inuse_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.StackInuse) }},
	{"sys_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.Sys) }},
	{"heap_sys_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.HeapSys) }},
	{"num_gc", func(r *incident.Reading) *int64 { return (*int64)(&r.NumGC) }},
	{"gomemlimit_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.MemoryLimit) }},
	{"goroutines", func(r *incident.Reading) *int64 { return (*int64)(&r.Goroutines) }},
	{"threads", func(r *incident.Reading) *int64 { return (*int64)(&r.Threads) }},
	{"rss_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.RSS) }},
	{"rss_anon_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.RSSAnon) }},
	{"rss_shmem_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.RSSShmem) }},
	{"cgroup_usage_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.CgroupUsage) }},
	{"cgroup_inactive_file_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.CgroupInactiveFile) }},
	{"cgroup_active_file_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.CgroupActiveFile) }},
	{"cgroup_unevictable_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.CgroupUnevictable) }},
	{"cgroup_anon_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.CgroupAnon) }},
	{"cgroup_file_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.CgroupFile) }},
	{"cgroup_shmem_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.CgroupShmem) }},
	{"cgroup_dirty_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.CgroupDirty) }},
	{"cgroup_kernel_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.CgroupKernel) }},
	{"cgroup_limit_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.CgroupLimit) }},
	{"host_available_bytes", func(r *incident.Reading) *int64 { return (*int64)(&r.HostAvailable) }},
}

// The last two columns: the number of processes that the kernel has killed for lack of
// memory, at most a minute old.
const (
	columnGroupKills = "cgroup_oom_kills"
	columnHostKills  = "host_oom_kills"
)

// MostValues is the number of values in a sample.
const MostValues = len(columns) + 2

// Columns returns the names of a sample's values, in order.
func Columns() (names []string) {
	for _, c := range columns {
		names = append(names, c.name)
	}
	return append(names, columnGroupKills, columnHostKills)
}

// Values fills in the values of a sample. It allocates nothing.
func Values(to *[MostValues]int64, r *incident.Reading, k Kills) {
	for i := range columns {
		to[i] = *columns[i].field(r)
	}
	to[len(columns)], to[len(columns)+1] = k.Group, k.Host
}

// Readings converts samples to readings, by the names of their columns. Values without a
// column are unknown. The kills are those of the last sample.
func Readings(names []string, samples []blackbox.Sample) (list []incident.Reading, last Kills) {
	last = UnknownKills
	fields := make([]func(*incident.Reading) *int64, len(names))
	for i, name := range names {
		for _, c := range columns {
			if c.name == name {
				fields[i] = c.field
			}
		}
	}
	for _, s := range samples {
		r := incident.NewReading(s.Time)
		for i, v := range s.Values {
			v = max(v, profile.Unknown)
			switch {
			case fields[i] != nil:
				*fields[i](&r) = v
			case names[i] == columnGroupKills:
				last.Group = v
			case names[i] == columnHostKills:
				last.Host = v
			}
		}
		if r.CgroupUsage.Known() && r.CgroupInactiveFile.Known() {
			r.CgroupWorkingSet = max(r.CgroupUsage-r.CgroupInactiveFile, 0)
			if r.CgroupLimit.Known() && r.CgroupActiveFile.Known() && r.Unreclaimable.Known() {
				// It has no column, but is what is missing.
				r.CgroupKernelReclaimable = max(r.CgroupUsage-r.CgroupInactiveFile-r.CgroupActiveFile-r.Unreclaimable, 0)
			}
		}
		list = append(list, r)
	}
	return list, last
}
