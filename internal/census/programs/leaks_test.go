package programs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/leakguard/leakguard/internal/leakprograms"
	"github.com/leakguard/leakguard/internal/testenv"
)

const (
	// rounds is how often a program leaks. interval is the simulated time between two
	// rounds, after which a census is taken: three hours in all.
	rounds   = 90
	interval = 2 * time.Minute
	// few is how many goroutines are too few for a verdict in three hours. The census
	// takes a whole day for those.
	few = 12
)

// group and result are what testdata/driver prints.
type group struct {
	Root, Blocked, Wait string
	Count               int
	Reason              string // given by the census
}

// sameSite reports whether two groups are at the same place, whatever they wait for
// there.
func (g group) sameSite(other group) bool { return g.Root == other.Root && g.Blocked == other.Blocked }

func (g group) String() string {
	return fmt.Sprintf("%d × %s at %s", g.Count, g.Wait, strings.TrimPrefix(g.Blocked, "main."))
}

type result struct {
	Copies, Rounds int
	Stayed         [4][]group
	HasProof       bool
	Flagged, Calm  []group // by the census
	Leaked, Proven []group
}

// kept returns the places where goroutines kept piling up: each quarter of the run
// left more than the one before. Sleepers do not count, because they will wake. It
// is the ground truth, and comes from text dumps of the goroutines alone.
func (r result) kept() []group {
	var kept []group
	for _, g := range r.Stayed[3] {
		if g.Count < few || g.Wait == "sleep" {
			continue
		}
		before, grew := 0, true
		for _, dump := range r.Stayed {
			n := 0
			for _, other := range dump {
				if other.sameSite(g) && other.Wait == g.Wait {
					n = other.Count
				}
			}
			grew = grew && n > before
			before = n
		}
		if grew {
			kept = append(kept, g)
		}
	}
	return kept
}

// reason returns why the census did not flag a group.
func (r result) reason(g group) string {
	for _, other := range r.Calm {
		if other.sameSite(g) {
			return other.Reason
		}
	}
	return "it does not know the place"
}

// in reports whether one of the groups is at g's site.
func (g group) in(groups []group) bool { return slices.ContainsFunc(groups, g.sameSite) }

// TestLeakPrograms runs each program that the Go distribution ships as a goroutine
// leak. If its goroutines stay, the census must flag the right function, and
// nothing else. One of the 63 of GoKer cannot leak as it is shipped: readLogs of
// Moby27782 holds the lock that is needed to close its watcher.
func TestLeakPrograms(t *testing.T) {
	bins, programs := buildPrograms(t)
	results := make([]result, len(programs))
	errs := make([]error, len(programs))
	var next, again atomic.Int64
	var wg sync.WaitGroup
	for range testenv.Scaled(2, 4) { // the simple programs mostly wait
		wg.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(programs); i = next.Add(1) - 1 {
				// A race that is rarely lost may leave too little to be found in three
				// simulated hours. The next three may leave more.
				for try := 1; try <= 3; try++ {
					results[i], errs[i] = run(t.Context(), filepath.Join(bins, programs[i].Folder), programs[i].Name)
					if errs[i] != nil || !results[i].missed(programs[i]) {
						break
					}
					again.Add(1)
				}
			}
		})
	}
	wg.Wait()

	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "program\trounds\tcopies\tstayed at\tflagged\tproven\tverdict")
	total := make(map[string]totals)
	for i, p := range programs {
		if errs[i] != nil {
			t.Error(errs[i])
			continue
		}
		sum := total[p.Folder]
		fmt.Fprintln(w, sum.judge(t, p, results[i]))
		total[p.Folder] = sum
	}
	w.Flush()
	t.Logf("%d runs had to be repeated, since less was left than can be found\n%s", again.Load(), &table)
	for folder, sum := range total {
		t.Logf("%s: found %d of %d programs (%d left goroutines), %d of %d sites, %d of them proven",
			folder, sum.found, sum.programs, sum.stayed, sum.flagged, sum.sites, sum.proven)
		if sum.stayed < sum.programs*9/10 {
			t.Errorf("%s: only %d of %d programs left goroutines: the driver does not make them leak", folder, sum.stayed, sum.programs)
		}
		// In a leak with several sites the smallest may need longer.
		if sum.flagged < sum.sites*95/100 {
			t.Errorf("%s: only %d of %d sites were flagged", folder, sum.flagged, sum.sites)
		}
	}
}

// totals are sums over a folder's programs.
type totals struct{ programs, stayed, found, sites, flagged, proven int }

// judge compares the census's result for a program with the truth, and returns the
// program's row of the table.
func (sum *totals) judge(t *testing.T, p leakprograms.Program, r result) string {
	t.Helper()
	kept, found, proven := r.kept(), 0, 0
	for _, g := range kept {
		if g.in(r.Flagged) {
			found++
		} else {
			t.Logf("%s: not flagged: %v (%s)", p.Name, g, r.reason(g))
		}
		if g.in(r.Proven) {
			proven++
		} else if g.in(r.Leaked) {
			t.Errorf("%s: the goroutineleak profile has %v, but the census does not call it proven", p.Name, g)
		}
	}
	for _, g := range r.Flagged {
		if !g.in(r.Stayed[3]) {
			t.Errorf("%s: flagged %v, where no goroutine stayed", p.Name, g)
		}
	}
	if !r.HasProof {
		t.Errorf("%s: built without the goroutineleak profile", p.Name)
	}
	if p.Healthy() && len(r.Proven) > 0 {
		t.Errorf("%s: proven at %v, though somebody could still wake them", p.Name, r.Proven)
	}
	verdict := "found"
	switch {
	case len(kept) == 0:
		verdict = "did not stay"
	case r.missed(p):
		verdict = "MISSED"
		t.Errorf("%s: goroutines stayed, and none was flagged at a function that leaks; flagged: %v; stayed: %v", p.Name, r.Flagged, kept)
	default:
		sum.found++
	}
	sum.programs++
	if len(kept) > 0 {
		sum.stayed++
	}
	sum.sites += len(kept)
	sum.flagged += found
	sum.proven += proven
	return fmt.Sprintf("%s\t%d\t%d\t%d\t%d\t%d\t%s", p.Name, r.Rounds, r.Copies, len(kept), found, proven, verdict)
}

// missed reports whether goroutines stayed but none was flagged at a leaking
// function. The function is the right one only if the distribution's test says so,
// too.
func (r result) missed(p leakprograms.Program) bool {
	kept := r.kept()
	found := slices.ContainsFunc(kept, func(g group) bool { return g.in(r.Flagged) })
	right := !p.Known() || p.Healthy() || slices.ContainsFunc(r.Flagged, func(g group) bool { return p.Leaks(g.Root) })
	return len(kept) > 0 && !(found && right)
}

// buildPrograms builds the leak programs and returns the folder of the binaries.
// Their module's path lies below internal/census, so that the driver may import it.
func buildPrograms(t *testing.T) (bins string, programs []leakprograms.Program) {
	t.Helper()
	m := leakprograms.Write(t, "github.com/leakguard/leakguard/internal/census/programs/leaks", "testdata/driver/main.go")
	bins = filepath.Join(m.Dir, "bin") + string(filepath.Separator)
	m.Go(t, "build", "-o", bins, "./...")
	return bins, m.Programs
}

// run runs a program. The programs are races, so one may rarely crash
// (Kubernetes1321 is known to). It then gets another try.
func run(ctx context.Context, bin, name string) (r result, err error) {
	for range 3 {
		r, err = runOnce(ctx, bin, name)
		if err == nil {
			break
		}
	}
	return r, err
}

func runOnce(ctx context.Context, bin, name string) (r result, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, name, fmt.Sprint(rounds), interval.String())
	cmd.Env = append(os.Environ(), "GOMAXPROCS=8") // makes lost races more frequent
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return r, fmt.Errorf("%s: %w\n%.2000s", name, err, stderr.String())
	}
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		return r, fmt.Errorf("%s: the driver's answer: %w", name, err)
	}
	return r, nil
}
