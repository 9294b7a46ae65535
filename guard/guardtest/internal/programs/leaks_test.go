package programs_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/leakguard/leakguard/guard/guardtest/internal/gotest"
	"github.com/leakguard/leakguard/internal/leakprograms"
)

// path is the module path of the programs.
const path = "github.com/leakguard/leakguard/guard/guardtest/internal/programs/leaks"

// site is goroutines at one of a program's functions that existed after all tests,
// according to the driver.
type site struct {
	File, Root, Blocked string
	Count, Proven       int
}

// in reports whether a report names the function that the goroutines wait in, or
// the one that they were started with.
func (s site) in(report string) bool {
	for _, name := range []string{s.Blocked, s.Root} {
		if regexp.MustCompile(regexp.QuoteMeta(name[strings.LastIndexByte(name, '/')+1:]) + `([^.\w]|\.$|$)`).MatchString(report) {
			return true
		}
	}
	return false
}

// TestLeakPrograms runs each program that the Go distribution ships as a goroutine
// leak. If goroutines stay, VerifyNone must fail its test and name a function that
// leaks. The programs run first one after the other, then all at once in one
// process, where each must be blamed on its own test. One of the 63 of GoKer cannot
// leak as it is shipped: readLogs of Moby27782 holds the lock that is needed to
// close its watcher. A few others are races that are not always lost.
func TestLeakPrograms(t *testing.T) {
	m := leakprograms.Write(t, path, "testdata/driver/main_test.go")
	for _, folder := range m.Folders {
		var programs []leakprograms.Program
		for _, p := range m.Programs {
			if p.Folder == folder {
				programs = append(programs, p)
			}
		}
		m.Go(t, "test", "-c", "-o", folder+".test", "./"+folder)
		for _, mode := range []string{"serial", "parallel"} {
			t.Run(folder+"/"+mode, func(t *testing.T) {
				judge(t, programs, filepath.Join(m.Dir, folder+".test"), mode == "parallel")
			})
		}
	}
}

// judge runs the programs and compares the reports with the truth.
func judge(t *testing.T, programs []leakprograms.Program, bin string, parallel bool) {
	result, stayed := run(t, programs, bin, parallel)
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "program\tleft\tproven\tsites\tnamed\tverdict")
	var sum totals
	for _, p := range programs {
		test := result.Tests["TestPrograms/"+p.Name]
		if test == nil || test.Runs == 0 {
			t.Errorf("%s: its test did not run", p.Name)
			continue
		}
		fmt.Fprintln(w, sum.judge(t, p, test, stayed))
	}
	w.Flush()
	t.Logf("%d of %d programs left goroutines: %d found, %d missed; %d of %d sites named; the goroutineleak profile proves %d of the %d goroutines\n%s",
		sum.left, len(programs), sum.found, sum.left-sum.found, sum.named, sum.sites, sum.proven, sum.goroutines, &table)
	if sum.left < len(programs)*9/10 {
		t.Errorf("only %d of %d programs left goroutines: the driver does not make them leak", sum.left, len(programs))
	}
	// A goroutine may later wait elsewhere than when its test ended.
	if sum.named < sum.sites*95/100 {
		t.Errorf("only %d of %d sites were named", sum.named, sum.sites)
	}
}

// totals are sums over the programs of a run.
type totals struct{ left, found, sites, named, goroutines, proven int }

// judge compares the report about a program with the truth, and returns the
// program's row of the table.
func (sum *totals) judge(t *testing.T, p leakprograms.Program, test *gotest.Test, stayed []site) string {
	t.Helper()
	count, proven, sites, named, right := 0, 0, 0, 0, false
	for _, s := range stayed {
		switch {
		case owner(p, s):
			count += s.Count
			proven += s.Proven
			sites++
			if s.in(test.Output) {
				named++
				right = right || p.Leaks(s.Root) || !p.Known() || p.Healthy()
			} else if test.Failed > 0 {
				t.Logf("%s: not named: %+v\n%s", p.Name, s, test.Output)
			}
		case s.in(test.Output):
			t.Errorf("%s: blamed for what another program left, %+v:\n%s", p.Name, s, test.Output)
		}
	}
	verdict := "found"
	switch failed := test.Failed > 0; {
	case sites == 0 && failed:
		// Reporting it was correct.
		return fmt.Sprintf("%s\t\t\t\t\twas slow to end", p.Name)
	case sites == 0 || strings.Contains(test.Output, "nothing stayed after"):
		return fmt.Sprintf("%s\t%d\t%d\t%d\t%d\tleft nothing", p.Name, count, proven, sites, named)
	case !failed:
		verdict = "MISSED"
		t.Errorf("%s: %d goroutines are left, and its test passed", p.Name, count)
	case !right:
		verdict = "MISNAMED"
		t.Errorf("%s: the report names no function that leaks:\n%s", p.Name, test.Output)
	case p.Healthy():
		verdict = "found; something could still wake them"
		sum.found++
	default:
		sum.found++
	}
	sum.left++
	sum.sites += sites
	sum.named += named
	sum.goroutines += count
	sum.proven += proven
	return fmt.Sprintf("%s\t%d\t%d\t%d\t%d\t%s", p.Name, count, proven, sites, named, verdict)
}

// owner reports whether the goroutines of a site belong to the program. In GoKer
// each file is one program.
func owner(p leakprograms.Program, s site) bool {
	if p.Folder == "goker" {
		return s.File == p.File
	}
	name := s.Root[strings.LastIndexByte(s.Root, '/')+1:]
	return p.Leaks(s.Root) || strings.HasPrefix(name, p.Folder+"."+p.Name+".")
}

// run runs the programs' tests in one process.
func run(t *testing.T, programs []leakprograms.Program, bin string, parallel bool) (gotest.Result, []site) {
	t.Helper()
	files := make(map[string]string)
	for _, p := range programs {
		files[p.Name] = p.File
	}
	encoded, err := json.Marshal(files)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "left.json")
	// The programs are races, so one may rarely crash (Kubernetes1321 is known to).
	// They then get another try.
	for try := 1; ; try++ {
		cmd := exec.CommandContext(t.Context(), "go", "tool", "test2json", bin, "-test.v=test2json", "-test.parallel=100", "-test.timeout=2m")
		cmd.Env = append(os.Environ(), "DRIVER_OUT="+out, "DRIVER_FILES="+string(encoded), "GOMAXPROCS=8") // makes lost races more frequent
		if parallel {
			cmd.Env = append(cmd.Env, "DRIVER_PARALLEL=1")
		}
		result, err := gotest.Run(cmd)
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(out)
		if err == nil {
			var stayed []site
			if err := json.Unmarshal(content, &stayed); err != nil {
				t.Fatal(err)
			}
			return result, stayed
		}
		if try == 3 {
			t.Fatalf("the tests crashed: %v\n%.5000s", err, result.Output)
		}
	}
}
