package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The ways in which a first line comes about.
const (
	// killed: the service leaks until it is killed at its limit, and the next start
	// explains what is left.
	killed = "killed"
	// recovered: the leak ends once there is evidence, and the service explains itself.
	recovered = "recovered"
	// manual: a capture before the leak begins, and one at half of the headroom, whose
	// report counts.
	manual = "manual"
	// offline: leakreport compares the profiles of those two captures.
	offline = "offline"
)

var ways = []string{killed, recovered, manual, offline}

// longestRun ends a run that hangs.
const longestRun = 3 * time.Minute

// result is what the ways gave for one case.
type result struct {
	Case    string  `json:"case"`
	Class   string  `json:"class"`
	Half    string  `json:"half"`
	Healthy bool    `json:"healthy"`
	Seconds float64 `json:"seconds"`
	Lines   []line  `json:"lines"`
}

// runner runs cases.
type runner struct {
	cases string // the folder of the cases
	bin   string // where the programs are built
	dir   string // where the evidence is kept
	again bool   // judge what is there
}

// prepare makes a folder for the evidence of each case, without that of an earlier run.
func (r runner) prepare(cases []caseFile) error {
	for _, c := range cases {
		folder := filepath.Join(r.dir, c.name)
		if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o700)); err != nil {
			return err
		}
	}
	return nil
}

// build builds the cases and leakreport.
func (r runner) build(ctx context.Context, cases []caseFile) error {
	if err := r.goBuild(ctx, "github.com/leakguard/leakguard/profile/cmd/leakreport"); err != nil || len(cases) == 0 {
		return err
	}
	var packages []string
	for _, c := range cases {
		folder, err := filepath.Abs(filepath.Join(r.cases, c.name))
		if err != nil {
			return err
		}
		packages = append(packages, folder)
	}
	return r.goBuild(ctx, packages...)
}

func (r runner) goBuild(ctx context.Context, packages ...string) error {
	// The folder ends with a separator, so that go makes it.
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-o", r.bin + string(filepath.Separator)}, packages...)...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, text)
	}
	return nil
}

// run runs a case in the ways, with at most two runs of its service and the starts after
// them.
func (r runner) run(ctx context.Context, c caseFile, ways []string) result {
	begun := time.Now()
	res := result{Case: c.name, Class: c.class, Half: c.half(), Healthy: c.healthy}
	judged := func(way string, l line, err error) {
		l.Way, l.Verdict = way, judge(c, l)
		if err != nil {
			l.Verdict, l.Note = failed, err.Error()
		}
		res.Lines = append(res.Lines, l)
	}
	if slices.Contains(ways, killed) {
		dir := r.folder(c, killed)
		ran := r.start(ctx, c, killed, "-way=killed", "-dir="+dir)
		next := r.start(ctx, c, "next", "-way=next", "-dir="+dir)
		lines, err := r.linesIn(dir)
		l := pick(c.healthy, lines)
		if !r.again {
			err = errors.Join(wasKilled(ran), next, err)
		}
		judged(killed, l, err)
	}
	if slices.ContainsFunc(ways, func(w string) bool { return w != killed }) {
		r.runOn(ctx, c, ways, judged)
	}
	res.Seconds = time.Since(begun).Seconds()
	return res
}

// runOn is the run in which nobody kills the service. The other ways share it.
func (r runner) runOn(ctx context.Context, c caseFile, ways []string, judged func(way string, l line, err error)) {
	way, dir, manualDir := manual, r.folder(c, recovered), r.folder(c, manual)
	if slices.Contains(ways, recovered) {
		way = recovered
	}
	args := []string{"-way=" + way, "-dir=" + dir}
	if slices.Contains(ways, manual) || slices.Contains(ways, offline) {
		args = append(args, "-manual="+manualDir)
	}
	ran := r.start(ctx, c, way, args...)
	if way == recovered {
		lines, err := r.explained(ctx, c, dir)
		judged(recovered, pick(c.healthy, lines), errors.Join(ran, err))
	}
	if slices.Contains(ways, manual) {
		lines, err := r.explained(ctx, c, manualDir)
		if !c.healthy {
			lines = lines[max(0, len(lines)-1):] // the first capture cannot show the leak
		}
		judged(manual, pick(c.healthy, lines), errors.Join(ran, err))
	}
	if slices.Contains(ways, offline) {
		l, err := leakreportLine(ctx, filepath.Join(r.bin, "leakreport"), manualDir)
		judged(offline, l, errors.Join(ran, err))
	}
}

func (r runner) folder(c caseFile, way string) string { return filepath.Join(r.dir, c.name, way) }

// explained returns the first lines of the reports that a service left which ended by
// itself. Where there was no room for a report, the next start writes it.
func (r runner) explained(ctx context.Context, c caseFile, dir string) ([]line, error) {
	list, err := incidentsIn(dir)
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		if m.Headline == "" && len(m.Artefacts) > 0 && !r.again {
			err = r.start(ctx, c, "next", "-way=next", "-dir="+dir)
			break
		}
	}
	lines, readErr := r.linesIn(dir)
	return lines, errors.Join(err, readErr)
}

// start runs the case's program to its end and appends what it prints to a log in the
// folder of the case.
func (r runner) start(ctx context.Context, c caseFile, name string, args ...string) error {
	if r.again {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, longestRun)
	defer cancel()
	folder := filepath.Join(r.dir, c.name)
	log, err := os.OpenFile(filepath.Join(folder, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, filepath.Join(r.bin, c.name), args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", c.name, strings.Join(args, " "), errors.Join(err, ctx.Err()))
	}
	return nil
}

// wasKilled returns nil for the error of a process that was killed, and an error for any
// other end.
func wasKilled(err error) error {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return errors.New("the service ended by itself")
	case errors.As(err, &exit) && !exit.Exited() && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled):
		return nil
	}
	return err
}
