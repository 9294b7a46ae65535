package postmortem

import (
	"fmt"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// Kills are the kernel's counts of processes that it has killed because memory ran out,
// in the memory cgroup and on the host; [profile.Unknown] where they are not known.
type Kills struct{ Group, Host int64 }

// UnknownKills is where neither count is known.
var UnknownKills = Kills{profile.Unknown, profile.Unknown}

// Facts are what is known of a death; the cause is a function of them.
type Facts struct {
	Panicked  bool // the runtime wrote a trace
	SameBoot  bool // the kernel has run ever since; false also where that is not known
	OtherBoot bool // the kernel has been started since, or this is another host
	Elsewhere bool // the process ran under another host name
	SameGroup bool // this process is in the very same cgroup
	// Before are the counts as of the last minute before the last sample, Now those of
	// now. That of the cgroup counts only within the same cgroup, that of the host only
	// within the same boot.
	Before, Now Kills
	// Near says that memory would have reached the limit within a moment of the last
	// sample.
	Near bool
}

// Judge tells the causes of a death apart.
//
// A count of kills that has not risen rules out an OOM kill. One that has risen proves
// an OOM kill only where memory was short in that very cgroup, because another process
// of the cgroup may have been killed. The count of a restarted container's cgroup
// begins at 0, so it is compared only within the same cgroup. Then the host's count is
// all there is, and it includes every other process of the host.
func Judge(f Facts) (cause incident.DeathCause, certain bool, why string) {
	group, groupKnown := rose(f.Before.Group, f.Now.Group, f.SameBoot && f.SameGroup)
	host, hostKnown := rose(f.Before.Host, f.Now.Host, f.SameBoot)
	switch {
	case f.Panicked:
		return incident.DeathPanic, true, ""
	case group > 0 && f.Near:
		return incident.DeathOOM, true, fmt.Sprintf("oom_kill of its cgroup rose by %d", group)
	case group > 0:
		return incident.DeathOOM, false, fmt.Sprintf("oom_kill of its cgroup rose by %d, though at the last sample memory was not short", group)
	case groupKnown:
		return incident.DeathUnknown, false, "the kernel has killed no process of its cgroup because memory ran out"
	case hostKnown && host == 0:
		return incident.DeathUnknown, false, "the kernel has killed no process on this host because memory ran out"
	case hostKnown && f.Near:
		return incident.DeathOOM, false, fmt.Sprintf("memory was at the limit, and the host's count of OOM kills rose by %d; its cgroup is gone", host)
	case hostKnown:
		return incident.DeathUnknown, false, fmt.Sprintf("at the last sample memory was not short, though the host's count of OOM kills rose by %d", host)
	case f.Near && f.OtherBoot:
		return incident.DeathOOM, false, "memory was at the limit; the host has been restarted since, or this is another host"
	case f.Near:
		return incident.DeathOOM, false, "memory was at the limit"
	case f.OtherBoot && !f.Elsewhere:
		return incident.DeathHost, false, "the host has been restarted since, or this is another host"
	default:
		return incident.DeathUnknown, false, ""
	}
}

// rose is by how much a count has risen, and whether that is known.
func rose(before, now int64, same bool) (by int64, known bool) {
	if !same || before < 0 || now < before {
		return 0, false
	}
	return now - before, true
}

const (
	// fullShare is the share of the limit from which memory counts as full.
	fullShare = 0.97
	// A growing process counts as full if it would have been within the time of four
	// samples, since one may have been late. These bound that time.
	leastAhead = 200 * time.Millisecond
	mostAhead  = 4 * time.Second
)

// nearLimit reports whether memory would have reached the limit within a moment.
func nearLimit(memory, limit profile.Bytes, rate float64, every time.Duration) bool {
	if limit <= 0 || !memory.Known() {
		return false
	}
	ahead := min(max(4*every, leastAhead), mostAhead)
	return float64(memory) >= fullShare*float64(limit) ||
		float64(memory)+max(rate, 0)*ahead.Seconds() >= float64(limit)
}
