package guard

import (
	"errors"
	"path"
	"time"

	"github.com/leakguard/leakguard/internal/cgroup"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// highSource reads the cgroup whose memory.high applies to this process.
type highSource struct {
	throttle *cgroup.Throttle // nil: no memory.high applies
	group    *cgroup.Memory   // nil: the cgroup that is read anyway
	stat     cgroup.Stat      // of group

	// The last values. What costs an additional read of a file is read once a second.
	memory  int64
	events  int64
	stalled time.Duration
}

func (h *highSource) close() error {
	var errs []error
	if h.throttle != nil {
		errs = append(errs, h.throttle.Close())
	}
	if h.group != nil {
		errs = append(errs, h.group.Close())
	}
	*h = highSource{}
	return errors.Join(errs...)
}

// findHigh finds memory.high. A limit above the one at which the kernel kills, or above
// the host's memory, has no effect.
func (s *source) findHigh(l *Limits) {
	if s.cgroup == nil {
		return
	}
	found, err := s.cgroup.High()
	if err != nil {
		s.fail("memory.high", err)
	}
	most := l.Host
	if l.inCgroup {
		most = l.cgroup
	}
	if found.Bytes <= 0 || most > 0 && found.Bytes >= most {
		s.high.close()
		return
	}
	if s.followHigh(found.Path) {
		l.Throttle, l.ThrottlePath = found.Bytes, path.Join(found.Path, found.File)
	}
}

// reads returns the cgroup whose memory is read at each reading.
func (s *source) reads() *cgroup.Memory {
	if s.limiter != nil {
		return s.limiter
	}
	return s.cgroup
}

// followHigh opens the files of the cgroup that sets memory.high.
func (s *source) followHigh(dir string) bool {
	h := &s.high
	same := dir == s.reads().Dir()
	if h.throttle != nil && h.throttle.Dir() == dir && same == (h.group == nil) && !s.cgroupLost {
		return true
	}
	h.close()
	var err error
	if h.throttle, err = s.cgroup.Throttle(dir); err == nil && !same {
		h.group, err = s.cgroup.Above(dir)
	}
	if err != nil {
		s.fail("cgroup of memory.high", err)
		h.close()
		return false
	}
	h.memory, h.events, h.stalled = profile.Unknown, profile.Unknown, profile.Unknown
	s.slowAt = time.Time{} // read them now
	return true
}

// readHigh reads how hard the kernel throttles. slow says that it is time to read what
// is read once a second.
func (s *source) readHigh(r *incident.Reading, slow bool) {
	h := &s.high
	if h.throttle == nil {
		return
	}
	if h.group == nil {
		h.memory = s.group.Unreclaimable()
	}
	if slow {
		if h.group != nil {
			if err := h.group.Read(&h.stat); err != nil {
				s.fail("cgroup of memory.high", err)
			}
			h.memory = h.stat.Unreclaimable()
		}
		var err error
		if h.events, h.stalled, err = h.throttle.Read(); err != nil {
			s.fail("memory.high", err)
		}
	}
	r.CgroupHigh, r.CgroupHighMemory = profile.Bytes(s.limits.Throttle), profile.Bytes(h.memory)
	r.CgroupHighEvents, r.CgroupStalled = profile.Count(h.events), h.stalled
}
