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
	// killsEvery is how often the kernel's counts of kills are read.
	killsEvery = time.Minute

	// mostNameInBox is the most bytes of each text from Config in the box's header.
	mostNameInBox = 200
)

// recorder writes the black box. The loop owns it. A nil recorder does nothing.
type recorder struct {
	box      *blackbox.Box
	log      *slog.Logger
	counters *counters
	once     *onces
	source   *source

	values  [postmortem.MostValues]int64
	kills   postmortem.Kills
	killsAt time.Time
	pace    boxPace
	near    bool // the last reading was near the limit
}

// openRecorder creates the black box. If that fails, it logs the error and returns nil.
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
		l.log.Warn("leakguard: the black box could not be created; if this process dies, the next one cannot report the cause", "error", err)
		return nil
	}
	if l.cfg.CrashOutput {
		if err := r.openCrash(); err != nil {
			l.log.Warn("leakguard: crash output could not be set; the trace of a panic will not be saved", "error", err)
		}
	}
	return r
}

// boxHeader describes where this process runs.
func boxHeader(root string, s *source) (h blackbox.Header) {
	h.Boot = procfs.BootID(root)
	if s.cgroup != nil {
		h.Group, h.GroupID = s.cgroup.Dir(), s.cgroup.Identity()
		// In Kubernetes the path has more than 200 bytes. It is cut here, so that
		// written and compared headers are cut alike.
		h.Group = h.Group[:min(len(h.Group), mostNameInBox)]
	}
	return h
}

// readKills reads how many processes the kernel has killed because memory ran out.
func (s *source) readKills() postmortem.Kills {
	k := postmortem.UnknownKills
	// Errors are not logged, because the last reading is evidence as well.
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
	r.near = nearLimit(reading)
	begun := time.Now()
	if !r.pace.due(begun, r.near) {
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

// note writes a decision about an incident.
func (r *recorder) note(id, text string) {
	if r == nil {
		return
	}
	if begun := time.Now(); r.pace.due(begun, r.near) {
		r.wrote(begun, r.box.Note(begun, id+" "+text))
	}
}

// wrote begins a pause if a write failed or was slow.
func (r *recorder) wrote(begun time.Time, err error) {
	took := time.Since(begun)
	rest := r.pace.wrote(begun, took, err)
	if rest == 0 {
		return
	}
	// If this fails, the lock may still show that this process is alive.
	_ = r.box.Rest(time.Now().Add(rest))
	r.counters.slowRecords.Add(1)
	if r.once.first("box") {
		r.log.Warn("leakguard: a write to the black box was slow or failed, because of the disk or because the process got no CPU; the box rests, but not near the limit; further cases are only counted",
			"took", took.Round(time.Millisecond).String(), "rest", rest.Round(time.Second).String(), "error", err)
	}
}

// leave marks the box as that of a clean exit. The rest of the work may take longer than
// Close waits, and without the mark the exit would look like a death.
func (r *recorder) leave() {
	if r != nil {
		_ = r.box.Leave() // if it fails, close fails too and returns the error
	}
}

// close marks a clean exit and removes the box.
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

// openCrash makes the runtime write the trace of a fatal panic to a file beside the box.
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
	defer f.Close() // the runtime has duplicated the descriptor by then
	if err := debug.SetCrashOutput(f, debug.CrashOptions{}); err != nil {
		return fmt.Errorf("guard: crash output: %w", err)
	}
	crashOutput.owner = r
	return nil
}

// closeCrash lets another guard use the crash output. It does not unset it, because Close
// may have been deferred and run by a panic, and because the program may have set its own
// output meanwhile.
func (r *recorder) closeCrash() {
	crashOutput.Lock()
	defer crashOutput.Unlock()
	if crashOutput.owner == r {
		crashOutput.owner = nil
	}
}
