// Table runs the corpus of leaks and of healthy programs that look like one, judges the
// first line of each report, and prints the tables.
//
//	cd internal/leakcases
//	go run ./table                                  # everything
//	go run ./table -cases 'respbody,grpc.*'         # these
//	go run ./table -half tuned -ways killed,manual  # one half, two ways
//	go run ./table -list ci.txt                     # one way each, and all must be right
//
// Each case runs as killed, as recovered, by manual capture, and by leakreport with the
// profiles of two manual captures. The function that the manifest's suspect names must
// equal one that the case wants changed; see docs/first-line.md.
//
// The exit status is 0 if the cases ran, 1 if some did not or if one of a list is not
// right, and 2 if the arguments are wrong.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// job is a case with the ways to run it in.
type job struct {
	caseFile
	ways []string
}

// run executes the command and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("table", flag.ContinueOnError)
	flags.SetOutput(stderr)
	names := flags.String("cases", "", "run the cases with these `names`, a comma list of regular expressions; all if empty")
	inWays := flags.String("ways", strings.Join(ways, ","), "run in these `ways`")
	half := flags.String("half", "all", "run this half of the cases: tuned, untouched or all")
	listFile := flags.String("list", "", "run the cases in this `file`, a line 'NAME WAY' each, and require all to be right")
	parallel := flags.Int("parallel", 2, "run so many cases at a time; each has two processes")
	dir := flags.String("dir", "", "keep the evidence in this `folder`; a temporary one, removed at the end, if empty")
	jsonFile := flags.String("json", "", "write the results to this `file`, too")
	again := flags.Bool("again", false, "run nothing: judge the evidence that an earlier run left in -dir, explained by the present code")
	corpus := flags.String("corpus", "cases", "the `folder` of the cases")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	fail := func(status int, err error) int {
		fmt.Fprintln(stderr, "table:", err)
		return status
	}
	if *again && *dir == "" {
		return fail(2, errors.New("-again: -dir is missing"))
	}
	cases, err := readCases(*corpus)
	if err != nil {
		return fail(2, err)
	}
	var jobs []job
	if *listFile != "" {
		jobs, err = readList(*listFile, cases)
	} else {
		jobs, err = choose(cases, *names, *inWays, *half)
	}
	if err != nil {
		return fail(2, err)
	}
	results, err := runAll(ctx, runner{cases: *corpus, dir: *dir, again: *again}, jobs, max(1, *parallel), stderr)
	if err != nil {
		return fail(1, err)
	}
	writeAll(stdout, results)
	if *jsonFile != "" {
		text, err := json.MarshalIndent(results, "", "  ")
		if err == nil {
			err = os.WriteFile(*jsonFile, append(text, '\n'), 0o600)
		}
		if err != nil {
			return fail(1, err)
		}
	}
	return status(results, *listFile != "")
}

func writeAll(w io.Writer, results []result) {
	writeCases(w, results)
	fmt.Fprintln(w)
	writeTotals(w, results)
	fmt.Fprintln(w)
	writeCalibration(w, results)
	writeNotes(w, results)
}

// status returns 1 if a run failed, or if all must be right and a line is not.
func status(results []result, allRight bool) int {
	for _, r := range results {
		for _, l := range r.Lines {
			if l.Verdict == failed || allRight && !l.Verdict.good() {
				return 1
			}
		}
	}
	return 0
}

// choose returns the jobs for the flags.
func choose(cases []caseFile, names, inWays, half string) ([]job, error) {
	if !slices.Contains([]string{"all", tuned, untouched}, half) {
		return nil, fmt.Errorf("-half %q: want tuned, untouched or all", half)
	}
	chosen := strings.Split(inWays, ",")
	for _, w := range chosen {
		if !slices.Contains(ways, w) {
			return nil, fmt.Errorf("-ways %q: want some of %s", w, strings.Join(ways, ","))
		}
	}
	var patterns []*regexp.Regexp
	for _, n := range strings.Split(names, ",") {
		p, err := regexp.Compile("^(" + n + ")$")
		if err != nil {
			return nil, fmt.Errorf("-cases: %w", err)
		}
		patterns = append(patterns, p)
	}
	var jobs []job
	for _, c := range cases {
		wanted := names == "" || slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(c.name) })
		if wanted && (half == "all" || half == c.half()) {
			jobs = append(jobs, job{c, chosen})
		}
	}
	if len(jobs) == 0 {
		return nil, errors.New("no case has such a name in this half")
	}
	return jobs, nil
}

// readList reads lines 'NAME WAY'.
func readList(file string, cases []caseFile) ([]job, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var jobs []job
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2 || !slices.Contains(ways, fields[1]) {
			return nil, fmt.Errorf("%s: %q: want a case and one of %s", file, strings.TrimSpace(line), strings.Join(ways, ", "))
		}
		i := slices.IndexFunc(cases, func(c caseFile) bool { return c.name == fields[0] })
		if i < 0 {
			return nil, fmt.Errorf("%s: no case is called %s", file, fields[0])
		}
		jobs = append(jobs, job{cases[i], fields[1:]})
	}
	if len(jobs) == 0 {
		return nil, fmt.Errorf("%s names no case", file)
	}
	return jobs, nil
}

// runAll builds and runs the cases, and reports progress.
func runAll(ctx context.Context, r runner, jobs []job, parallel int, progress io.Writer) ([]result, error) {
	temp, err := os.MkdirTemp("", "leakcases")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	if r.dir == "" {
		r.dir = filepath.Join(temp, "evidence")
	}
	r.bin = filepath.Join(temp, "bin")
	var cases []caseFile
	for _, j := range jobs {
		cases = append(cases, j.caseFile)
	}
	begun := time.Now()
	if r.again {
		cases = nil // only leakreport is built
	}
	if err := errors.Join(r.prepare(cases), r.build(ctx, cases)); err != nil {
		return nil, err
	}
	fmt.Fprintf(progress, "built %d cases in %.0f s\n", len(jobs), time.Since(begun).Seconds())
	results := make([]result, len(jobs))
	var running sync.WaitGroup
	free := make(chan struct{}, parallel)
	for i, j := range jobs {
		free <- struct{}{}
		running.Go(func() {
			defer func() { <-free }()
			results[i] = r.run(ctx, j.caseFile, j.ways)
			said := ""
			for _, l := range results[i].Lines {
				said += fmt.Sprintf("  %s: %s", l.Way, l.Verdict)
			}
			fmt.Fprintf(progress, "%-20s %3.0f s%s\n", j.name, results[i].Seconds, said)
		})
	}
	running.Wait()
	sortResults(results)
	return results, ctx.Err()
}
