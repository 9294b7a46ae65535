package diff

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/internal/testenv"
	"github.com/leakguard/leakguard/profile"
)

// leaked holds the memory in the real heap profiles below.
var leaked [][]byte

//go:noinline
func leakMemory(n int) {
	for range n {
		leaked = append(leaked, make([]byte, 64<<10))
	}
}

//go:noinline
func leakBuffers(n int) {
	for range n {
		var b bytes.Buffer
		b.Grow(256 << 10) // package bytes allocates on behalf of this function
		leaked = append(leaked, b.Bytes())
	}
}

//go:noinline
func leakGoroutine(stop chan struct{}) { <-stop }

//go:noinline
func leakLocked(mu *sync.Mutex) { mu.Lock(); defer mu.Unlock() }

// takeProfile writes a profile of the running test to a file.
func takeProfile(t *testing.T, name, file string) {
	t.Helper()
	runtime.GC()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := pprof.Lookup(name).WriteTo(f, 0); err != nil {
		t.Fatal(err)
	}
}

func openProfile(t *testing.T, file string) *pprofile.Profile {
	t.Helper()
	p, err := profile.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// topOf runs go tool pprof -top and returns the flat value of each function.
func topOf(t *testing.T, args ...string) map[string]int64 {
	t.Helper()
	goTool, err := exec.LookPath("go")
	testenv.Need(t, err == nil, "a go command, for its pprof")
	args = append([]string{"tool", "pprof", "-top", "-nodefraction=0", "-edgefraction=0", "-nodecount=1000000", "-symbolize=none"}, args...)
	cmd := exec.Command(goTool, args...)
	cmd.Env = append(os.Environ(), "PPROF_TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	row := regexp.MustCompile(`^\s*(-?\d+)(?:B|ns)?\s+\S+%\s+\S+%\s+-?\d+(?:B|ns)?\s+\S+%\s+(.+?)(?: \(inline\))?$`)
	flat := make(map[string]int64)
	for line := range strings.Lines(string(out)) {
		if m := row.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			n, err := strconv.ParseInt(m[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			flat[m[2]] += n
		}
	}
	if len(flat) == 0 {
		t.Fatalf("go tool pprof lists nothing:\n%s", out)
	}
	return flat
}

// agree compares the values of all functions with those of pprof.
func agree(t *testing.T, c *Comparison, want map[string]int64) {
	t.Helper()
	var sum int64
	for _, n := range want {
		sum += n
	}
	if got := c.Total.Growth(); got != sum {
		t.Errorf("%v: the total grew by %d, go tool pprof says %d", c.Kind, got, sum)
	}
	// pprof shortens the type arguments of some functions but not of others.
	typeArguments := regexp.MustCompile(`\[.*\]`)
	got, said := make(map[string]int64), make(map[string]int64)
	for _, g := range c.Functions {
		got[typeArguments.ReplaceAllString(g.Frame.Function, "[...]")] += g.Value.Growth()
	}
	for fn, n := range want {
		said[typeArguments.ReplaceAllString(fn, "[...]")] += n
	}
	ours := int64(0) // no list has what this library allocates itself
	for fn, n := range said {
		switch {
		case got[fn] == n:
		case got[fn] == 0:
			ours += n
		default:
			t.Errorf("%v: %s grew by %d, go tool pprof says %d", c.Kind, fn, got[fn], n)
		}
	}
	if ours != c.Guard.Growth() {
		t.Errorf("%v: functions that the comparison lacks grew by %d, ourselves by %d", c.Kind, ours, c.Guard.Growth())
	}
}

// TestCompareAgreesWithPprof compares profiles of this process with the result
// of go tool pprof -base.
func TestCompareAgreesWithPprof(t *testing.T) {
	defer func(rate int) { runtime.MemProfileRate = rate }(runtime.MemProfileRate)
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	leakMemory(200)
	takeProfile(t, "heap", file("heap-base"))
	leakMemory(400)
	leakBuffers(200)
	takeProfile(t, "heap", file("heap"))
	takeProfile(t, "allocs", file("allocs"))
	runtime.KeepAlive(leaked)
	leaked = nil

	c, err := Compare(openProfile(t, file("heap-base")), openProfile(t, file("heap")), Config{Rows: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	agree(t, c, topOf(t, "-sample_index=inuse_space", "-unit=B", "-base", file("heap-base"), file("heap")))
	for _, want := range []string{"leakMemory", "leakBuffers"} {
		found := false
		for _, s := range c.Suspects {
			found = found || strings.HasSuffix(s.Frame.Function, "."+want)
		}
		if !found {
			t.Errorf("%s is not among the suspects: %+v", want, c.Suspects)
		}
	}
	if s := c.Suspects[0]; !strings.HasSuffix(s.Frame.Function, ".leakBuffers") || !strings.Contains(strings.Join(s.Reasons, "; "), "bytes.(*Buffer).Grow") &&
		!strings.Contains(strings.Join(s.Reasons, "; "), "bytes.growSlice") {
		t.Errorf("the first suspect is %s with %q, want leakBuffers through package bytes", s.Frame.Function, s.Reasons)
	}

	alone, err := Compare(nil, openProfile(t, file("allocs")), Config{Rows: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	agree(t, alone, topOf(t, "-sample_index=inuse_space", "-unit=B", file("allocs")))
}

func TestCompareGoroutinesOfThisProcess(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	stop := make(chan struct{})
	var mu sync.Mutex
	mu.Lock()
	takeProfile(t, "goroutine", file("base"))
	for i := range 134 {
		go pprof.Do(context.Background(), pprof.Labels("request", strconv.Itoa(i), "area", "storage"), func(context.Context) { leakGoroutine(stop) })
	}
	for range 20 {
		go func() { leakLocked(&mu) }()
	}
	defer func() { close(stop); mu.Unlock() }()
	var c *Comparison
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		takeProfile(t, "goroutine", file("now"))
		var err error
		if c, err = Compare(openProfile(t, file("base")), openProfile(t, file("now")), Config{Rows: 1 << 30}); err != nil {
			t.Fatal(err)
		}
		if g := c.Goroutines; len(g) >= 2 && g[0].Count.Growth() == 134 && g[1].Count.Growth() == 20 && g[1].Wait == "sync.Mutex.Lock" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the groups are %+v", c.Goroutines)
		}
	}
	var sum int64
	for _, n := range topOf(t, "-base", file("base"), file("now")) {
		sum += n
	}
	if got := c.Total.Growth(); got != sum {
		t.Errorf("goroutines grew by %d, go tool pprof says %d", got, sum)
	}
	g := c.Goroutines[0]
	if g.Wait != "chan receive" || !strings.HasSuffix(g.Blocked.Function, ".leakGoroutine") || filepath.Base(g.Blocked.File) != "pprof_test.go" ||
		g.Blocked.Line == 0 || g.Root.Function != "runtime/pprof.Do" || g.Labels != "area=storage" || g.Standing >= 0 {
		t.Errorf("the group is %+v", g)
	}
	if g := c.Goroutines[1]; !strings.HasSuffix(g.Blocked.Function, ".leakLocked") {
		t.Errorf("the second group is %+v", g)
	}
	if s := c.Suspects[0]; s.Wait != "chan receive" || s.Value.Growth() != 134 || s.Confidence < 0.6 {
		t.Errorf("the first suspect is %+v", s)
	}
}
