//go:build linux

package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/leakguard/leakguard/guard/internal/survival/progress"
)

// Stamp says how much had leaked at a time.
type Stamp = progress.Stamp

// Case is one way to leak.
type Case struct {
	Limit      int64         `json:"limit_bytes"`
	Rate       float64       `json:"rate"`               // MiB/s, or goroutines per second for the shape goroutines
	GoMemLimit int           `json:"gomemlimit_percent"` // of the limit; 0 means unset
	Busy       float64       `json:"busy"`               // share of the time in which two goroutines work
	CPU        float64       `json:"cpu,omitempty"`      // quota, as a share of one processor; 0 means none
	Shape      string        `json:"shape"`
	Hold       float64       `json:"hold"`             // share of the limit held before the leak
	Warm       time.Duration `json:"warm_ns"`          // from the start of the guard to that of the leak
	For        time.Duration `json:"for_ns,omitempty"` // how long a shape without a leak runs; 0 if the shape leaks
	Period     time.Duration `json:"period_ns,omitempty"`
}

// leakTime returns how long the leak should take.
func (c Case) leakTime() time.Duration {
	room := (1 - c.Hold) * float64(c.Limit) / (1 << 20)
	if c.Shape == "goroutines" {
		room *= 1 << 9 // a goroutine takes more than 2 KiB
	}
	return time.Duration(room / c.Rate * float64(time.Second))
}

// Unit returns the unit of Rate, without 'per second'.
func (c Case) Unit() string {
	if c.Shape == "goroutines" {
		return "goroutines"
	}
	return "MiB"
}

// Result is one run of a case.
type Result struct {
	Case    Case      `json:"case"`
	Verdict Verdict   `json:"verdict"`
	Leaked  int64     `json:"leaked"`          // bytes or goroutines, at the last stamp
	Rate    float64   `json:"achieved"`        // in Case.Unit per second; see Leak.Rate
	Start   time.Time `json:"start"`           // of the leak
	Death   time.Time `json:"death"`           // the last stamp
	Dir     string    `json:"dir,omitempty"`   // what it left, if that was kept
	Err     string    `json:"error,omitempty"` // why the run went wrong and says nothing
}

// Victim is a compiled victim and where to run it.
type Victim struct {
	Binary    string
	Hierarchy Hierarchy
	Work      string // folder for the runs' files; on a disk, as a guard's folder would be
	Keep      bool   // also keep the files of successful runs
}

// Build compiles the victim into the folder work. Without Go, SURVIVAL_VICTIM in the
// environment names a victim that was compiled elsewhere.
func Build(ctx context.Context, work string) (*Victim, error) {
	h, err := FindHierarchy("/")
	if err != nil {
		return nil, err
	}
	if compiled := os.Getenv("SURVIVAL_VICTIM"); compiled != "" {
		return &Victim{Binary: compiled, Hierarchy: h, Work: work}, nil
	}
	v := &Victim{Binary: filepath.Join(work, "victim"), Hierarchy: h, Work: work}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", v.Binary, "github.com/leakguard/leakguard/guard/internal/survival/victim")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("harness: build the victim: %w\n%s", err, out)
	}
	return v, nil
}

// Run runs the case once. A guard that fails to save evidence is a verdict, not an
// error. An error means that the run says nothing, for example because the kernel
// did not kill the victim.
func (v *Victim) Run(ctx context.Context, c Case) (res Result, err error) {
	res.Case = c
	dir, err := os.MkdirTemp(v.Work, "run-")
	if err != nil {
		return res, fmt.Errorf("harness: run: %w", err)
	}
	defer func() {
		if err != nil || !res.Verdict.Survived || v.Keep {
			res.Dir = dir
			return
		}
		err = os.RemoveAll(dir)
	}()
	evidence := filepath.Join(dir, "evidence")
	log, err := progressLog()
	if err != nil {
		return res, err
	}
	defer os.Remove(log)
	group, err := v.Hierarchy.NewGroup(c.Limit)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, group.Remove()) }()

	if _, err := v.live(ctx, c, group, dir, evidence, log); err != nil {
		return res, fmt.Errorf("harness: run %s: %w", dir, err)
	}
	stamps, err := progress.Read(log)
	if err != nil {
		return res, err
	}
	leak := Leak{Stamps: stamps, Goroutines: c.Shape == "goroutines"}
	if len(stamps) > 0 {
		res.Start, res.Death = stamps[0].At, leak.Death()
		res.Leaked, res.Rate = stamps[len(stamps)-1].Leaked, leak.Rate()
		if !leak.Goroutines {
			res.Rate /= 1 << 20
		}
	}
	if res.Verdict, err = Judge(evidence, leak); c.For > 0 {
		res.Verdict = falseAlarms(res.Verdict)
	}
	return res, err
}

// falseAlarms turns a verdict about a leak into one about a process without one.
func falseAlarms(v Verdict) Verdict {
	f := Verdict{Incidents: v.Incidents, Torn: v.Torn, Survived: v.Incidents <= 1 && len(v.Torn) == 0}
	switch {
	case len(v.Torn) > 0:
		f.Reason = v.Reason
	case v.Incidents > 1:
		f.Reason = fmt.Sprintf("%d incidents without a leak", v.Incidents)
	}
	return f
}

// progressLog creates a log in memory, so that the disk's speed is not measured as
// well.
func progressLog() (string, error) {
	dir := "/dev/shm"
	if _, err := os.Stat(dir); err != nil {
		dir = os.TempDir()
	}
	f, err := os.CreateTemp(dir, "leakguard-progress-")
	if err != nil {
		return "", fmt.Errorf("harness: run: %w", err)
	}
	f.Close()
	return f.Name(), progress.Create(f.Name())
}

// live runs the victim until its death or, if the case does not leak, until it
// exits. Any other end is an error. died is when its end was seen.
func (v *Victim) live(ctx context.Context, c Case, group *Group, dir, evidence, log string) (died time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.patience())
	defer cancel()
	args := []string{"-dir", evidence, "-log", log, "-limit", strconv.FormatInt(c.Limit, 10),
		"-hold", fmt.Sprint(c.Hold), "-warm", c.Warm.String(), "-shape", c.Shape, "-busy", fmt.Sprint(c.Busy)}
	if c.Shape == "goroutines" {
		args = append(args, "-spawn", fmt.Sprint(c.Rate))
	} else {
		args = append(args, "-rate", fmt.Sprint(c.Rate))
	}
	if c.For > 0 {
		args = append(args, "-for", c.For.String(), "-period", c.Period.String())
	}
	out, err := os.Create(filepath.Join(dir, "victim.log"))
	if err != nil {
		return died, err
	}
	defer out.Close()
	cmd := v.inGroup(ctx, group, dir, args...)
	cmd.Stdout, cmd.Stderr = out, out
	if c.GoMemLimit > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprintf("GOMEMLIMIT=%d", c.Limit*int64(c.GoMemLimit)/100))
	}
	// If the harness dies, the victim must die too. The kernel watches the thread
	// that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	end := cmd.Run()
	died = time.Now()

	if c.For > 0 && end == nil {
		return died, nil
	}
	if err := context.Cause(ctx); err != nil {
		said, _ := os.ReadFile(out.Name())
		used, _ := os.ReadFile(filepath.Join(group.Path, "memory.current"))
		events, _ := os.ReadFile(filepath.Join(group.Path, "memory.events"))
		return died, fmt.Errorf("stopped before its death: %w; the victim's output: %s; its group uses %s, events: %s", err, tail(string(said), 2000), bytes.TrimSpace(used), bytes.ReplaceAll(bytes.TrimSpace(events), []byte("\n"), []byte(", ")))
	}
	kills, err := group.Kills()
	if err != nil {
		return died, err
	}
	var exit *exec.ExitError
	if c.For == 0 && kills > 0 && errors.As(end, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return died, nil
	}
	said, _ := os.ReadFile(out.Name())
	return died, fmt.Errorf("the victim did not end as it should: %v, %d kills by the kernel, output: %s", end, kills, tail(string(said), 2000))
}

// inGroup returns a command that runs the victim in a group. A shell enters the
// group and then becomes the victim, so that all of the victim's memory is charged
// to it.
func (v *Victim) inGroup(ctx context.Context, group *Group, home string, args ...string) *exec.Cmd {
	enter, cpu := `echo $$ > "$0" && `, group.Procs()
	if group.cpu != nil {
		enter, cpu = `echo $$ > "$0" && echo $$ > "$1" && `, group.cpu.Procs()
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", enter + `shift && exec "$@"`, group.Procs(), cpu, v.Binary}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "HOME=" + home}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// patience returns how long a run may take: three times what it should, plus two
// minutes to hold, warm up and die. At its limit a process can crawl for a minute while
// the kernel reclaims the pages of its executable and reads them again.
func (c Case) patience() time.Duration {
	expected := c.For
	if expected == 0 {
		expected = c.leakTime()
	}
	return c.Warm + 2*time.Minute + 3*expected
}

func tail(s string, n int) string {
	s = strings.TrimSpace(s)
	if len(s) > n {
		s = "... " + s[len(s)-n:]
	}
	return s
}
