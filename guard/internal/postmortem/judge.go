package postmortem

import (
	"fmt"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// Kills are the kernel's counts of processes killed for lack of memory, in the memory cgroup
// and on the host. An unknown count is [profile.Unknown].
type Kills struct{ Group, Host int64 }

// UnknownKills has two unknown counts.
var UnknownKills = Kills{profile.Unknown, profile.Unknown}

// Facts are the known facts about a death. The cause depends only on them.
type Facts struct {
	Panicked  bool // the runtime wrote a trace
	SameBoot  bool // the kernel has not been restarted since; false if unknown
	OtherBoot bool // the kernel has been restarted since, or this is another host
	Elsewhere bool // the process ran under another host name
	SameGroup bool // this process is in the same cgroup
	// Before are the counts in the last sample, at most a minute old then. Now are the
	// present counts. The cgroup's counts are comparable only within the same cgroup, and
	// the host's only within the same boot.
	Before, Now Kills
	// Near says that memory would have reached the limit shortly after the last sample.
	Near bool
	// Full is how full memory was at the last sample, in percent of the limit; 0 if
	// unknown.
	Full int
}

// atLast says how full memory was at the last sample.
func (f Facts) atLast() string {
	if f.Full == 0 {
		return "how full memory was at the last sample is unknown"
	}
	return fmt.Sprintf("memory was %d%% full at the last sample", f.Full)
}

// Judge finds the cause of a death.
//
// A count of kills that has not risen rules out an OOM kill. A count that has risen proves an
// OOM kill only if the cgroup was short of memory, because another process of the cgroup may
// have been killed. The cgroup of a restarted container counts from 0, so the cgroup's count
// is compared only within the same cgroup. In a new cgroup only the host's count is left,
// which includes all other processes of the host.
func Judge(f Facts) (cause incident.DeathCause, certain bool, why string) {
	group, groupKnown := rose(f.Before.Group, f.Now.Group, f.SameBoot && f.SameGroup)
	host, hostKnown := rose(f.Before.Host, f.Now.Host, f.SameBoot)
	switch {
	case f.Panicked:
		return incident.DeathPanic, true, ""
	case group > 0 && f.Near:
		return incident.DeathOOM, true, fmt.Sprintf("oom_kill of its cgroup rose by %d", group)
	case group > 0:
		return incident.DeathOOM, false, fmt.Sprintf("oom_kill of its cgroup rose by %d; %s", group, f.atLast())
	case groupKnown:
		return incident.DeathUnknown, false, "the kernel has killed no process of its cgroup for lack of memory"
	case hostKnown && host == 0:
		return incident.DeathUnknown, false, "the kernel has killed no process on this host for lack of memory"
	case hostKnown && f.Near:
		return incident.DeathOOM, false, fmt.Sprintf("memory was at the limit, and the host's count of OOM kills rose by %d; its cgroup is gone", host)
	case hostKnown:
		return incident.DeathUnknown, false, fmt.Sprintf("the host's count of OOM kills rose by %d; %s", host, f.atLast())
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

// rose returns by how much a count has risen, and whether that is known.
func rose(before, now int64, same bool) (by int64, known bool) {
	if !same || before < 0 || now < before {
		return 0, false
	}
	return now - before, true
}

const (
	// fullShare is the share of the limit above which memory counts as full.
	fullShare = 0.97
	// Growing memory counts as full if it would have been full within the time of four
	// samples, because a sample may have been late. These bound that time.
	leastAhead = 200 * time.Millisecond
	mostAhead  = 4 * time.Second
)

// nearLimit reports whether memory would have reached the limit shortly afterwards.
func nearLimit(memory, limit profile.Bytes, rate float64, every time.Duration) bool {
	if limit <= 0 || !memory.Known() {
		return false
	}
	ahead := min(max(4*every, leastAhead), mostAhead)
	return float64(memory) >= fullShare*float64(limit) ||
		float64(memory)+max(rate, 0)*ahead.Seconds() >= float64(limit)
}
