package guard

import (
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

const (
	// slowWrite is the time above which a write to the black box counts as slow. The
	// loop waits for each write, and a hanging disk must not stop it.
	slowWrite = 100 * time.Millisecond
	// restAfterSlow: after a slow write the box rests for this many times the write's
	// duration, and twice as long after each further one in a row, up to
	// mostRestAfterSlow times. A write of a process that got no CPU is slow, too, but the
	// next one is not; a slow disk soon takes at most 1% of the loop's time.
	restAfterSlow     = 10
	mostRestAfterSlow = 100
	longestRest       = 10 * time.Minute
	// restAfterError is the pause after an error.
	restAfterError = time.Minute
	// restNear is the pause after an error while memory is near the limit, and the longest
	// after a slow write, which is otherwise as long as the write took. The last readings
	// before a kill are what the box is for. On a disk that hangs no evidence can be saved
	// either, so that the loop loses little.
	restNear = time.Second
)

// boxPace decides when the black box may be written.
type boxPace struct {
	slow int       // slow writes in a row
	rest time.Time // no writes before this time
	near time.Time // no writes before this time while memory is near the limit
}

func (p *boxPace) due(now time.Time, near bool) bool {
	if near {
		return !now.Before(p.near)
	}
	return !now.Before(p.rest)
}

// wrote returns the pause after a write.
func (p *boxPace) wrote(begun time.Time, took time.Duration, err error) (rest time.Duration) {
	near := took
	switch {
	case took >= slowWrite:
		times := min(restAfterSlow<<min(p.slow, 8), mostRestAfterSlow)
		rest = min(time.Duration(times)*min(took, longestRest), longestRest)
		p.slow++
	case err != nil:
		rest, near = restAfterError, restNear
	default:
		p.slow = 0
		return 0
	}
	end := begun.Add(took)
	p.rest, p.near = end.Add(rest), end.Add(min(near, restNear))
	return rest
}

// nearLimit reports whether less than a fifth is left of the limit or of memory.high. A
// process that the kernel throttles is killed by whoever waits for its answers.
func nearLimit(r *incident.Reading) bool {
	near := func(memory, limit profile.Bytes) bool {
		return limit.Known() && memory.Known() && limit-memory < limit/5
	}
	return near(r.Unreclaimable, r.Limit) || near(r.CgroupHighMemory, r.CgroupHigh)
}
