package guard

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/leakguard/leakguard/internal/blackbox"
	"github.com/leakguard/leakguard/internal/procfs"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

const (
	// slowWrite is from what on a write into the black box took too long. It is
	// the loop that waits: a disk that hangs must not end the watching.
	slowWrite = 100 * time.Millisecond
	// restAfterSlow is for how many times as long it is then left alone, so that
	// it takes no more than a hundredth of the loop's time.
	restAfterSlow = 100
	longestRest   = 10 * time.Minute
	// restAfterError is for how long it is left alone that could not be written.
	restAfterError = time.Minute
	// killsEvery is how often the kernel's counts of kills are read.
	killsEvery = time.Minute

	// mostNameInBox bounds what comes out of Config into the box's header.
	mostNameInBox = 200
)

// boxColumn is a value of a sample in the black box.
type boxColumn struct {
	name  string // that of the reading's JSON
	field func(r *incident.Reading) *int64
}

// boxColumns are what the box keeps of a reading: above all what
// [incident.Reading.Division] divides by, for the report of a death says what filled
// the memory. What is added goes to the end, and
// none is ever renamed: the next version reads them by name.
var boxColumns = [...]boxColumn{
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

// The columns after those: how many processes the kernel has killed for want of
// memory, as of the last minute.
const (
	columnGroupKills = "cgroup_oom_kills"
	columnHostKills  = "host_oom_kills"
)

// kills are the kernel's counts of processes that it has killed for want of memory;
// profile.Unknown where nobody knows.
type kills struct{ group, host int64 }

// boxAbout is what a process says of itself in its box.
type boxAbout struct {
	Process incident.Process       `json:"process"`
	Build   incident.Build         `json:"build"`
	Limits  []incident.MemoryLimit `json:"limits"`
}

// recorder writes the black box. It is the loop's, and a nil one does nothing.
type recorder struct {
	box      *blackbox.Box
	log      *slog.Logger
	counters *counters
	once     *onces
	source   *source

	values  [len(boxColumns) + 2]int64
	kills   kills
	killsAt time.Time
	rest    time.Time // not before
}

// openRecorder makes the black box; nil where it cannot, which is said.
func (l *loop) openRecorder(dir, root string) *recorder {
	r := &recorder{log: l.log, counters: l.counters, once: l.once, source: l.source}
	h := boxHeader(root, l.source)
	h.PID, h.Started, h.Host, h.Every = l.process.PID, l.started, l.process.Host, l.cfg.Interval
	for _, c := range boxColumns {
		h.Columns = append(h.Columns, c.name)
	}
	h.Columns = append(h.Columns, columnGroupKills, columnHostKills)
	about := boxAbout{Process: l.process, Build: l.build, Limits: l.limits()}
	for _, name := range []*string{&about.Process.Service, &about.Process.Version, &about.Process.Pod, &about.Process.Host,
		&about.Build.Path, &about.Build.Module, &about.Build.Version, &h.Host} {
		*name = (*name)[:min(len(*name), mostNameInBox)]
	}
	var err error
	if h.About, err = json.Marshal(about); err == nil {
		r.box, err = blackbox.Create(dir, h, l.cfg.CrashOutput)
	}
	if err != nil {
		l.log.Warn("leakguard: no black box: if this process dies, the next one cannot tell of what", "error", err)
		return nil
	}
	if l.cfg.CrashOutput {
		if err := r.openCrash(); err != nil {
			l.log.Warn("leakguard: the trace of a panic will not be kept", "error", err)
		}
	}
	return r
}

// boxHeader says where this process runs.
func boxHeader(root string, s *source) (h blackbox.Header) {
	h.Boot = procfs.BootID(root)
	if s.cgroup != nil {
		h.Group, h.GroupID = s.cgroup.Dir(), s.cgroup.Identity()
		// Both when it is written and when it is compared: in Kubernetes the path
		// has more than 200 bytes.
		h.Group = h.Group[:min(len(h.Group), mostNameInBox)]
	}
	return h
}

// readKills asks the kernel whom it has killed.
func (s *source) readKills() kills {
	k := kills{profile.Unknown, profile.Unknown}
	// That it is not known is no failure worth a word: the last reading tells, too.
	if n, err := procfs.OOMKills(s.root); err == nil {
		k.host = n
	}
	if s.cgroup != nil {
		if n, err := s.cgroup.OOMKills(); err == nil {
			k.group = n
		}
	}
	return k
}

// sample writes a reading.
func (r *recorder) sample(reading *incident.Reading) {
	if r == nil {
		return
	}
	begun := time.Now()
	if begun.Before(r.rest) {
		return
	}
	if r.killsAt.IsZero() || begun.Sub(r.killsAt) >= killsEvery {
		r.killsAt = begun
		r.kills = r.source.readKills()
		begun = time.Now()
	}
	for i := range boxColumns {
		r.values[i] = *boxColumns[i].field(reading)
	}
	r.values[len(boxColumns)], r.values[len(boxColumns)+1] = r.kills.group, r.kills.host
	r.wrote(begun, r.box.Sample(reading.Time, r.values[:]))
}

// note writes what was decided about an incident.
func (r *recorder) note(id, text string) {
	if r == nil {
		return
	}
	if begun := time.Now(); !begun.Before(r.rest) {
		r.wrote(begun, r.box.Note(begun, id+" "+text))
	}
}

// wrote lets a box rest that could not be written, or only slowly.
func (r *recorder) wrote(begun time.Time, err error) {
	took := time.Since(begun)
	rest := restFor(took, err)
	if rest == 0 {
		return
	}
	r.rest = begun.Add(took + rest)
	// Where it fails, locks may tell who lives; nothing else can be done.
	_ = r.box.Rest(time.Now().Add(rest))
	r.counters.slowRecords.Add(1)
	if r.once.first("box") {
		r.log.Warn("leakguard: the disk is slow or failing, so the black box is written more seldom; this is said once, and counted",
			"took", took.Round(time.Millisecond).String(), "rest", rest.Round(time.Second).String(), "error", err)
	}
}

// restFor is for how long the box is left alone after a write.
func restFor(took time.Duration, err error) time.Duration {
	switch {
	case took >= slowWrite:
		return min(restAfterSlow*took, longestRest)
	case err != nil:
		return restAfterError
	}
	return 0
}

// leave says that this process takes its leave. What is left to do may take longer
// than Close waits, and nothing else then tells its end from a death.
func (r *recorder) leave() {
	if r != nil {
		_ = r.box.Leave() // that it fails is told by close
	}
}

// close says that this process took its leave.
func (r *recorder) close() error {
	if r == nil {
		return nil
	}
	r.closeCrash()
	if err := r.box.Close(); err != nil {
		return fmt.Errorf("guard: close: %w", err)
	}
	return nil
}

// crashOutput is what the runtime has one of.
var crashOutput struct {
	sync.Mutex
	owner *recorder
}

// openCrash has the runtime write the trace of a fatal panic into a file beside the
// box.
func (r *recorder) openCrash() error {
	crashOutput.Lock()
	defer crashOutput.Unlock()
	if crashOutput.owner != nil {
		return fmt.Errorf("guard: crash output: another guard of this process has it")
	}
	f, err := r.box.Crash()
	if err != nil {
		return fmt.Errorf("guard: crash output: %w", err)
	}
	defer f.Close() // the runtime has its own by then
	if err := debug.SetCrashOutput(f, debug.CrashOptions{}); err != nil {
		return fmt.Errorf("guard: crash output: %w", err)
	}
	crashOutput.owner = r
	return nil
}

// closeCrash lets another guard have it. Until then the runtime keeps writing to
// our file: what ends this process may be a panic whose deferred calls have just
// closed the guard. It is not for us, either, to take away what the host may have
// set meanwhile.
func (r *recorder) closeCrash() {
	crashOutput.Lock()
	defer crashOutput.Unlock()
	if crashOutput.owner == r {
		crashOutput.owner = nil
	}
}
