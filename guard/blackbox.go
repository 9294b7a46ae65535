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
	"github.com/leakguard/leakguard/profile/incident"
)

const (
	// slowWrite is how long a write into the black box may take. The loop waits for
	// it, and a disk that hangs must not end the watching.
	slowWrite = 100 * time.Millisecond
	// restAfterSlow is how many times as long the box is left alone after a slow
	// write, so that writing takes at most a hundredth of the loop's time.
	restAfterSlow = 100
	longestRest   = 10 * time.Minute
	// restAfterError is how long the box is left alone after an error.
	restAfterError = time.Minute
	// killsEvery is how often the kernel's counts of kills are read.
	killsEvery = time.Minute

	// mostNameInBox bounds each text from Config in the box's header, in bytes.
	mostNameInBox = 200
)

// recorder writes the black box. The loop owns it; a nil one does nothing.
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

// openRecorder makes the black box. If that fails it logs why and returns nil.
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
		l.log.Warn("leakguard: no black box: if this process dies, the next one cannot tell what it died of", "error", err)
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
		// Cut both when it is written and when it is compared: in Kubernetes the path
		// has more than 200 bytes.
		h.Group = h.Group[:min(len(h.Group), mostNameInBox)]
	}
	return h
}

// readKills reads how many processes the kernel has killed because memory ran out.
func (s *source) readKills() postmortem.Kills {
	k := postmortem.UnknownKills
	// An unknown count is not worth a log line: the last reading is evidence, too.
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

// wrote leaves the box alone for a while if a write failed or was slow.
func (r *recorder) wrote(begun time.Time, err error) {
	took := time.Since(begun)
	rest := restFor(took, err)
	if rest == 0 {
		return
	}
	r.rest = begun.Add(took + rest)
	// If it fails, the lock may still show that this process lives.
	_ = r.box.Rest(time.Now().Add(rest))
	r.counters.slowRecords.Add(1)
	if r.once.first("box") {
		r.log.Warn("leakguard: the disk is slow or failing, so the black box is written less often; further cases are only counted",
			"took", took.Round(time.Millisecond).String(), "rest", rest.Round(time.Second).String(), "error", err)
	}
}

// restFor returns how long the box is left alone after a write.
func restFor(took time.Duration, err error) time.Duration {
	switch {
	case took >= slowWrite:
		return min(restAfterSlow*took, longestRest)
	case err != nil:
		return restAfterError
	}
	return 0
}

// leave marks the end of this process as an orderly one. What is left to do may take
// longer than Close waits, and without the mark its end would look like a death.
func (r *recorder) leave() {
	if r != nil {
		_ = r.box.Leave() // if it fails, close fails too and returns the error
	}
}

// close marks the end as an orderly one and removes the box.
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

// crashOutput is process-wide, so one guard owns it.
var crashOutput struct {
	sync.Mutex
	owner *recorder
}

// openCrash makes the runtime write the trace of a fatal panic into a file beside the
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

// closeCrash lets another guard have the crash output. It does not unset it: this
// process may be ending by a panic whose deferred calls have just closed the guard, and
// the host may have set an output of its own meanwhile.
func (r *recorder) closeCrash() {
	crashOutput.Lock()
	defer crashOutput.Unlock()
	if crashOutput.owner == r {
		crashOutput.owner = nil
	}
}
