package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/leakguard/leakguard/internal/cgroup"
	"github.com/leakguard/leakguard/internal/goruntime"
	"github.com/leakguard/leakguard/internal/procfs"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

const (
	// slowEvery is how often slowly changing values are read: host memory and the
	// process's shared memory.
	slowEvery = time.Second
	// limitsEvery is how often the limits are read again, because containers may be
	// resized in place.
	limitsEvery = time.Minute
)

// source takes readings of the process. It is not safe for concurrent use. If one part
// fails, its values are unknown and the other parts go on.
type source struct {
	root       string
	configured int64 // Config.Limit

	runtime goruntime.Reader
	stat    goruntime.Stat
	wakeups goruntime.Wakeups
	cgroup  *cgroup.Memory
	limiter *cgroup.Memory // the ancestor whose limit applies; nil: cgroup itself
	group   cgroup.Stat
	kernel  cgroup.KernelFloor // of group
	high    highSource
	// cgroupLost says that the last reading of the cgroup failed.
	cgroupLost bool

	process *procfs.Process
	proc    procfs.Stat
	host    *procfs.Host

	limits   Limits
	limitsAt time.Time

	slowAt                 time.Time
	available, shmem, used int64

	failed map[string]bool // the parts whose failure was reported
	tell   func(part string, err error)
}

// newSource opens the files below root. tell is called once for each part that fails,
// now or later in read.
func newSource(root string, limit int64, tell func(part string, err error)) *source {
	s := &source{
		root: root, configured: limit, runtime: *goruntime.NewReader(),
		failed: make(map[string]bool), tell: tell,
		available: profile.Unknown, shmem: profile.Unknown, used: profile.Unknown,
	}
	s.openCgroup()
	var err error
	if s.process, err = procfs.Open(root); err != nil {
		s.fail("process", err)
	}
	if s.host, err = procfs.OpenHost(root); err != nil {
		s.fail("host", err)
	}
	return s
}

func (s *source) openCgroup() {
	var err error
	if s.cgroup, err = cgroup.Open(s.root); err != nil {
		s.cgroup = nil
		s.fail("cgroup", err)
	}
}

// fail reports the first failure of a part. It is no failure if the system does not
// have the part.
func (s *source) fail(part string, err error) {
	if s.failed[part] {
		return
	}
	s.failed[part] = true
	if !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrNotExist) {
		s.tell(part, err)
	}
}

// read takes a reading at time now.
func (s *source) read(now time.Time, r *incident.Reading) {
	*r = incident.NewReading(now)
	s.readRuntime(r)
	r.CPUTime = cpuTime()
	s.readProcess(r)
	if s.limitsAt.IsZero() || now.Sub(s.limitsAt) >= limitsEvery {
		s.limitsAt = now
		s.readLimits()
	}
	s.readCgroup(r, now)
	slow := now.Sub(s.slowAt) >= slowEvery
	s.readHigh(r, slow)
	if slow {
		s.slowAt = now
		s.readSlow()
	}
	r.HostAvailable = profile.Bytes(s.available)
	r.Limit = profile.Unknown
	if s.limits.Kill > 0 {
		r.Limit = profile.Bytes(s.limits.Kill)
	}
	s.decideUnreclaimable(r)
}

func (s *source) readRuntime(r *incident.Reading) {
	g := &s.stat
	s.runtime.Read(g)
	r.HeapAlloc, r.HeapLive, r.HeapInuse = profile.Bytes(g.HeapAlloc), profile.Bytes(g.HeapLive), profile.Bytes(g.HeapInuse)
	r.HeapIdle, r.HeapReleased, r.HeapSys = profile.Bytes(g.HeapIdle), profile.Bytes(g.HeapReleased), profile.Bytes(g.HeapSys)
	r.TotalAlloc, r.HeapObjects = profile.Bytes(g.TotalAlloc), profile.Count(g.HeapObjects)
	r.Mallocs, r.Frees = profile.Count(g.Mallocs), profile.Count(g.Frees)
	r.StackInuse, r.StackSys = profile.Bytes(g.StackInuse), profile.Bytes(g.StackSys)
	r.MSpanInuse, r.MSpanSys = profile.Bytes(g.MSpanInuse), profile.Bytes(g.MSpanSys)
	r.MCacheInuse, r.MCacheSys = profile.Bytes(g.MCacheInuse), profile.Bytes(g.MCacheSys)
	r.BuckHashSys, r.GCSys = profile.Bytes(g.BuckHashSys), profile.Bytes(g.GCSys)
	r.OtherSys, r.Sys = profile.Bytes(g.OtherSys), profile.Bytes(g.Sys)
	r.NextGC, r.ScanHeap, r.MemoryLimit = profile.Bytes(g.NextGC), profile.Bytes(g.ScanHeap), profile.Bytes(g.MemoryLimit)
	r.NumGC, r.NumForcedGC = profile.Count(g.NumGC), profile.Count(g.NumForcedGC)
	r.Goroutines, r.GoroutinesCreated = profile.Count(g.Goroutines), profile.Count(g.Created)
	r.GoroutinesRunning, r.GoroutinesReady = profile.Count(g.Running), profile.Count(g.Runnable)
	r.GoroutinesWaiting, r.GoroutinesNotInGo = profile.Count(g.Waiting), profile.Count(g.NotInGo)
	r.Threads = profile.Count(g.Threads)
	r.Wakeups = profile.Count(s.wakeups.Read())
}

func (s *source) readProcess(r *incident.Reading) {
	if s.process == nil {
		return
	}
	if err := s.process.Read(&s.proc); err != nil {
		s.fail("process", err)
		return
	}
	r.RSS, r.RSSAnon = profile.Bytes(s.proc.RSS), profile.Bytes(s.proc.RSSAnon)
	r.RSSShmem = profile.Bytes(s.shmem)
}

func (s *source) readCgroup(r *incident.Reading, now time.Time) {
	if s.cgroup == nil {
		return
	}
	err := s.reads().Read(&s.group)
	s.cgroupLost = err != nil
	if err != nil {
		s.fail("cgroup", err)
	}
	s.kernel.Estimate(s.reads(), &s.group, s.limits.cgroup, now)
	r.CgroupUsage = profile.Bytes(s.group.Usage)
	r.CgroupWorkingSet = profile.Bytes(s.group.WorkingSet())
	r.CgroupAnon = profile.Bytes(s.group.Anon)
	r.CgroupFile = profile.Bytes(s.group.File)
	r.CgroupShmem = profile.Bytes(s.group.Shmem)
	r.CgroupInactiveFile, r.CgroupActiveFile = profile.Bytes(s.group.InactiveFile), profile.Bytes(s.group.ActiveFile)
	r.CgroupDirty, r.CgroupWriteback = profile.Bytes(s.group.Dirty), profile.Bytes(s.group.Writeback)
	r.CgroupUnevictable = profile.Bytes(s.group.Unevictable)
	r.CgroupKernel, r.CgroupSlab, r.CgroupSock = profile.Bytes(s.group.Kernel), profile.Bytes(s.group.Slab), profile.Bytes(s.group.Sock)
	r.CgroupKernelReclaimable = profile.Bytes(s.group.KernelReclaimable)
	if s.limits.inCgroup {
		r.CgroupLimit = profile.Bytes(s.limits.cgroup)
	}
}

// readLimits finds the limits. If they can no longer be read, the last known ones
// stay.
func (s *source) readLimits() {
	if s.cgroupLost {
		// The process may have been moved to another cgroup. The error was reported
		// already.
		_ = s.cgroup.Reopen()
	}
	l := Limits{Kill: profile.Unknown, Throttle: profile.Unknown, GOMEMLIMIT: ownMemoryLimit(s.stat.MemoryLimit), Host: profile.Unknown}
	if s.host != nil {
		total, _, err := s.host.Read()
		if err != nil {
			s.fail("host", err)
		}
		l.Host = total
	}
	if s.cgroup != nil {
		found, err := s.cgroup.Limit()
		if err != nil {
			s.fail("cgroup limit", err)
			if found.Bytes <= 0 && s.limits.Kill > 0 {
				return
			}
		}
		// A limit above the host's memory has no effect.
		if found.Bytes > 0 && (l.Host <= 0 || found.Bytes < l.Host) {
			l.Kill, l.KillPath = found.Bytes, path.Join(found.Path, found.File)
			s.follow(found.Path)
			l.KillSource = fmt.Sprintf("cgroup v%d", s.cgroup.Version())
		}
	}
	if l.Kill <= 0 && l.Host > 0 {
		l.Kill, l.KillSource, l.KillPath = l.Host, sourceHost, ""
	}
	if l.inCgroup = l.KillPath != ""; l.inCgroup {
		l.cgroup = l.Kill
	}
	s.findHigh(&l)
	if s.configured > 0 {
		l.Kill, l.KillSource, l.KillPath = s.configured, sourceConfig, ""
	}
	s.limits = l
}

// follow selects the cgroup whose memory is read, which is the one with the limit. In a
// pod, that may be the pod's cgroup, so that its other containers count as well.
func (s *source) follow(dir string) {
	if s.limiter != nil {
		if s.limiter.Dir() == dir && !s.cgroupLost {
			return
		}
		s.limiter.Close()
		s.limiter = nil
	}
	if dir == s.cgroup.Dir() {
		return
	}
	limiter, err := s.cgroup.Above(dir)
	if err != nil {
		s.fail("cgroup of the limit", err)
		return
	}
	s.limiter = limiter
}

func (s *source) readSlow() {
	if s.host != nil {
		total, available, err := s.host.Read()
		if err != nil {
			s.fail("host", err)
		}
		s.available, s.used = available, profile.Unknown
		if total > 0 && available >= 0 {
			s.used = total - available
		}
	}
	if s.process != nil {
		var status procfs.Stat
		if err := s.process.ReadStatus(&status); err != nil {
			s.fail("process status", err)
		}
		s.shmem = status.RSSShmem
	}
}

// decideUnreclaimable sets the memory that counts towards the limit: that of the
// cgroup if the cgroup has a limit, else that of this process.
func (s *source) decideUnreclaimable(r *incident.Reading) {
	if s.limits.inCgroup && s.cgroup != nil {
		if n := s.group.Unreclaimable(); n >= 0 {
			r.Unreclaimable = profile.Bytes(n)
			return
		}
	}
	switch {
	case r.RSSAnon.Known():
		r.Unreclaimable = r.RSSAnon + max(r.RSSShmem, 0)
	case r.Sys.Known() && r.HeapReleased.Known():
		// Without /proc, the memory that Go holds is a lower bound.
		r.Unreclaimable = r.Sys - r.HeapReleased
	}
}

// close closes the files.
func (s *source) close() error {
	var errs []error
	for _, group := range []*cgroup.Memory{s.cgroup, s.limiter} {
		if group != nil {
			errs = append(errs, group.Close())
		}
	}
	errs = append(errs, s.high.close())
	if s.process != nil {
		errs = append(errs, s.process.Close())
	}
	if s.host != nil {
		errs = append(errs, s.host.Close())
	}
	return errors.Join(errs...)
}
