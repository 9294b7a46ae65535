package guard

import (
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// softAfter is how long memory must be above Config.Limit to disprove that the process is
// killed there. Tests shorten it.
var softAfter = 10 * time.Second

// softLimit finds out whether Config.Limit is one at which nobody is killed. It depends
// only on its inputs.
type softLimit struct {
	limit     int64
	above     since
	disproved bool
}

// observe reports whether the process has lived above the limit for long enough. That
// stays true when memory falls again, until the limit changes.
func (s *softLimit) observe(at time.Duration, r *incident.Reading, limits *Limits) bool {
	if limits.KillSource != sourceConfig || limits.Kill != s.limit {
		*s = softLimit{limit: limits.Kill}
	}
	if limits.KillSource != sourceConfig {
		return false
	}
	if r.Unreclaimable.Known() && s.above.lasts(int64(r.Unreclaimable) > limits.Kill, at, softAfter) {
		s.disproved = true
	}
	return s.disproved
}

// kernelRoom returns how many bytes are left until the kernel kills, whatever Config.Limit
// says, or Unknown.
func (l *Limits) kernelRoom(r *incident.Reading) int64 {
	room := int64(profile.Unknown)
	if l.inCgroup && r.Unreclaimable.Known() {
		room = max(l.cgroup-int64(r.Unreclaimable), 0)
	}
	if r.HostAvailable.Known() && (room < 0 || int64(r.HostAvailable) < room) {
		room = int64(r.HostAvailable)
	}
	return room
}

// saySoft logs once that Config.Limit is soft.
func (l *loop) saySoft() {
	if l.view.soft && l.once.first("soft") {
		limit, spare := profile.Bytes(l.view.limits[Memory]), profile.Bytes(l.view.spare)
		l.later(func() {
			l.log.Info("leakguard: memory has been above Config.Limit for 10 s, so the process is not killed there; captures and reports now use memory within what the kernel's limit leaves",
				"limit", limit.String(), "left", spare.String())
		})
	}
}
