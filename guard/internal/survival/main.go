//go:build linux

// Survival measures how often a guard's evidence is on disk before the kernel kills
// the leaking process, and prints the results as tables:
//
//	go run ./guard/internal/survival                     # everything: hours
//	go run ./guard/internal/survival -ci                 # the hardest cells: minutes
//	go run ./guard/internal/survival -limits 512 -rates 3000 -shape chunks -mode idle -gomemlimit unset -v
//
// It needs Linux, the right to create memory cgroups (v1 or v2), and two otherwise
// idle processors. It keeps the files of a failed run for inspection.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/leakguard/leakguard/guard/internal/survival/harness"
)

var (
	rates    = flag.String("rates", "10,100,1000,3000", "leaks in `MiB/s`")
	spawn    = flag.String("spawn", "100000", "leaks in `goroutines/s`, for the shape goroutines")
	limits   = flag.String("limits", "64,512,2048", "memory limits in `MiB`")
	memLimit = flag.String("gomemlimit", "unset,90", "GOMEMLIMIT in `percent` of the limit, or unset")
	mode     = flag.String("mode", "idle,busy", "what else the service does: `idle,busy,saturated` (each of two goroutines works half or all of the time)")
	shape    = flag.String("shape", "chunks,linked,goroutines", "what leaks: `chunks,linked,goroutines`")
	runs     = flag.Int("runs", 20, "runs per cell; a quarter if a run takes over a minute")
	ci       = flag.Bool("ci", false, "run only the hardest cells and one of each shape, and fail if too few survive")
	calm     = flag.Duration("calm", 0, "also run the services without a leak for this `time`, and count false alarms")
	period   = flag.Duration("period", time.Minute, "with -calm: how often the heap doubles")
	parallel = flag.Int("parallel", 4, "parallel runs of leaks under 1000 MiB/s in idle services")
	out      = flag.String("json", "", "write every result to this `file`")
	work     = flag.String("work", "", "`folder` for the files of the runs; empty: a new temporary one")
	keep     = flag.Bool("keep", false, "also keep the files of successful runs")
	verbose  = flag.Bool("v", false, "print each run's timeline to stderr")
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "survival:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	cells, err := plan()
	if err != nil {
		return err
	}
	dir := *work
	if dir == "" {
		if dir, err = os.MkdirTemp("", "leakguard-survival-"); err != nil {
			return err
		}
		defer os.Remove(dir) // fails, as it should, if a run has left something
	}
	victim, err := harness.Build(ctx, dir)
	if err != nil {
		return err
	}
	victim.Keep = *keep
	defer os.Remove(victim.Binary)

	table := harness.NewTable(cells)
	var results []harness.Result
	victim.RunAll(ctx, cells, *parallel, func(r harness.Result) {
		table.Add(r)
		results = append(results, r)
		if *verbose {
			fmt.Fprint(os.Stderr, r.Timeline())
		}
	})
	err = table.WriteMarkdown(os.Stdout)
	if *out != "" {
		err = errors.Join(err, save(*out, results))
	}
	for _, r := range table.Bad() {
		err = errors.Join(err, fmt.Errorf("%v: %s", r.Case, r.Verdict.Reason))
	}
	for _, why := range table.Missing(cells) {
		err = errors.Join(err, errors.New(why))
	}
	return errors.Join(err, ctx.Err())
}

// plan turns the flags into cells.
func plan() ([]harness.Cell, error) {
	var g harness.Grid
	var errs error
	for _, s := range strings.Split(*limits, ",") {
		n, err := strconv.ParseInt(s, 10, 32)
		errs = errors.Join(errs, err)
		g.LimitsMiB = append(g.LimitsMiB, n)
	}
	for list, to := range map[*string]*[]float64{rates: &g.Rates, spawn: &g.Spawn} {
		for _, s := range strings.Split(*list, ",") {
			n, err := strconv.ParseFloat(s, 64)
			if err == nil && n <= 0 {
				err = fmt.Errorf("rate %s: want more than 0", s)
			}
			errs = errors.Join(errs, err)
			*to = append(*to, n)
		}
	}
	for _, s := range strings.Split(*memLimit, ",") {
		n, err := strconv.Atoi(strings.Replace(s, "unset", "0", 1))
		errs = errors.Join(errs, err)
		g.GoMemLimits = append(g.GoMemLimits, n)
	}
	for _, s := range strings.Split(*mode, ",") {
		share, ok := map[string]float64{"idle": 0, "busy": 0.5, "saturated": 1}[s]
		if !ok {
			errs = errors.Join(errs, fmt.Errorf("-mode %q: want idle, busy or saturated", s))
		}
		g.Busy = append(g.Busy, share)
	}
	for _, s := range strings.Split(*shape, ",") {
		if s != "chunks" && s != "linked" && s != "goroutines" {
			errs = errors.Join(errs, fmt.Errorf("-shape %q: want chunks, linked or goroutines", s))
		}
		g.Shapes = append(g.Shapes, s)
	}
	g.Runs = *runs
	cells := g.Cells()
	if *ci {
		cells = harness.CI()
	}
	if *calm > 0 {
		cells = append(cells, harness.Calm(*calm, *period)...)
	}
	return cells, errs
}

func save(path string, results []harness.Result) error {
	data, err := json.MarshalIndent(struct {
		Time    time.Time        `json:"time"`
		Go      string           `json:"go"`
		CPUs    int              `json:"cpus"`
		Results []harness.Result `json:"results"`
	}{time.Now().UTC(), runtime.Version(), runtime.NumCPU(), results}, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}
