package guard

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/leakguard/leakguard/guard/internal/postmortem"
	"github.com/leakguard/leakguard/internal/blackbox"
	"github.com/leakguard/leakguard/internal/procfs"
	"github.com/leakguard/leakguard/profile"
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

// recorder writes the black box. It is the loop's, and a nil one does nothing.
type recorder struct {
	box      *blackbox.Box
	log      *slog.Logger
	counters *counters
	once     *onces
	source   *source

	values  [postmortem.MostValues]int64
	kills   postmortem.Kills
	killsAt time.Time
	rest    time.Time // not before
}

// openRecorder makes the black box; nil where it cannot, which is said.
func (l *loop) openRecorder(dir, root string) *recorder {
	r := &recorder{log: l.log, counters: l.counters, once: l.once, source: l.source}
	h := boxHeader(root, l.source)
	h.PID, h.Started, h.Host, h.Every = l.process.PID, l.started, l.process.Host, l.cfg.Interval
	h.Columns = postmortem.Columns()
	about := postmortem.About{Process: l.process, Build: l.build, Limits: l.limits()}
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
func (s *source) readKills() postmortem.Kills {
	k := postmortem.UnknownKills
	// That it is not known is no failure worth a word: the last reading tells, too.
	if n, err := procfs.OOMKills(s.root); err == nil {
		k.Host = n
	}
	if s.cgroup != nil {
		if n, err := s.cgroup.OOMKills(); err == nil {
			k.Group = n
		}
	}
	return k
}

// sample writes a reading.
func (r *recorder) sample(reading *profile.Reading) {
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
	postmortem.Values(&r.values, reading, r.kills)
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
