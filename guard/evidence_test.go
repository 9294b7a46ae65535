package guard

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

func init() { children["leak"] = leakChild }

var leaked [][]byte

//go:noinline
func leakHere(mib int) {
	for range 16 * mib {
		chunk := make([]byte, 64<<10)
		for i := 0; i < len(chunk); i += 4096 {
			chunk[i] = 1
		}
		leaked = append(leaked, chunk)
	}
}

// everyKind is what a rule can ask for.
var everyKind = KindsOf(profile.Kinds()...)

// leakChild leaks until its rule has an incident, leaks four times as much, gives
// it all back, and says what its sink was told.
func leakChild(args []string) {
	box := newMailbox("box")
	rule := Rule{Name: "leak", Signal: LiveHeap, Line: Absolute(32 << 20), Hold: 50 * time.Millisecond, Capture: everyKind}
	g := must(Start(Config{
		Dir: args[0], Rules: []Rule{rule}, Sinks: []Sink{box}, CPUProfile: 50 * time.Millisecond,
		Interval: 10 * time.Millisecond, NoForcedGC: args[1] == "noforcedgc", Service: "leaky", Version: "v1.2.3",
	}))
	expect := func(kind EventKind) Incident {
		select {
		case e := <-box.events:
			if e.Kind != kind {
				must(0, fmt.Errorf("%s of %s, want %s", e.Kind, e.Incident.ID, kind))
			}
			return e.Incident
		case <-time.After(longWait):
			must(0, fmt.Errorf("no %s: %+v", kind, g.Snapshot()))
		}
		panic("unreachable")
	}
	for g.Snapshot().Counters.Baselines < 2 {
		time.Sleep(time.Millisecond)
	}
	leakHere(48)
	runtime.GC()
	expect(Opened)
	i := expect(Captured)
	leakHere(200)
	runtime.GC()
	expect(Escalated)
	expect(Captured)
	leaked = nil
	runtime.GC()
	expect(Recovered)
	for g.Snapshot().Counters.Explained < 1 {
		time.Sleep(time.Millisecond)
	}
	must(0, g.Close())
	must(0, countsAgree(g.Snapshot(), i.Folder))
	must(0, json.NewEncoder(os.Stdout).Encode(i.Folder))
}

// countsAgree compares what a guard has counted with what its only incident's
// manifest lists.
func countsAgree(s Snapshot, folder string) error {
	m, err := readManifest(folder)
	if err != nil {
		return err
	}
	listed := make(map[ProfileCount]int64)
	for _, c := range m.Captures {
		for _, s := range c.Steps {
			listed[ProfileCount{Kind: s.Kind, Outcome: s.Outcome}]++
		}
	}
	var written int64
	for _, p := range s.Profiles {
		if want := listed[ProfileCount{Kind: p.Kind, Outcome: p.Outcome}]; p.Count != want {
			return fmt.Errorf("%d profiles of kind %v %s, the manifest lists %d", p.Count, p.Kind, p.Outcome, want)
		}
		if p.Outcome == incident.OutcomeWritten {
			written += p.Count
		}
	}
	if written < 4 || s.Rules[0].Incidents != 1 || s.Counters.Incidents != 1 || s.Counters.Manual != 0 {
		return fmt.Errorf("%d profiles written; rule %+v, counters %+v", written, s.Rules[0], s.Counters)
	}
	return nil
}

func readManifest(folder string) (incident.Manifest, error) {
	f, err := os.Open(filepath.Join(folder, "manifest.json"))
	if err != nil {
		return incident.Manifest{}, err
	}
	defer f.Close()
	return incident.ReadManifest(f)
}

func leakIncident(t *testing.T, args ...string) (m incident.Manifest, folder string) {
	t.Helper()
	cmd := child(t, "leak", append([]string{filepath.Join(t.TempDir(), "evidence")}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	decodeErr := json.NewDecoder(bufio.NewReader(out)).Decode(&folder)
	if err := cmd.Wait(); err != nil || decodeErr != nil {
		t.Fatalf("the child: %v, %v", err, decodeErr)
	}
	if m, err = readManifest(folder); err != nil {
		t.Fatal(err)
	}
	return m, folder
}

func TestEvidenceOfAnIncident(t *testing.T) {
	m, folder := leakIncident(t, "all")

	// The files, and what the manifest says of each.
	var names []string
	rungs := 0
	for _, a := range m.Artefacts {
		if isRung(a.Name) {
			rungs++ // how many there are depends on how long it took
		} else {
			names = append(names, a.Name)
		}
		data, err := os.ReadFile(filepath.Join(folder, a.Name))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(data); a.SHA256 != hex.EncodeToString(sum[:]) || a.Size != int64(len(data)) || a.Written.IsZero() {
			t.Errorf("%s is not what the manifest says: %+v", a.Name, a)
		}
	}
	slices.Sort(names)
	want := []string{
		"allocs.2.pb.gz", "allocs.pb.gz", "block.2.pb.gz", "block.pb.gz", "cpu.2.pb.gz", "cpu.pb.gz",
		"goroutine-base.pb.gz", "goroutine.2.pb.gz", "goroutine.2.txt", "goroutine.pb.gz", "goroutine.txt",
		"heap-base.pb.gz", "heap-fresh.2.pb.gz", "heap-fresh.pb.gz", "heap.2.pb.gz", "heap.pb.gz",
		"mutex.2.pb.gz", "mutex.pb.gz", "report.html", "report.md", "report.txt", "threadcreate.2.pb.gz", "threadcreate.pb.gz",
	}
	if !slices.Equal(names, want) {
		t.Errorf("files:\n%v\nwant:\n%v", names, want)
	}
	if on, err := os.ReadDir(folder); err != nil || len(on) != len(want)+rungs+2 { // manifest.json, delivery.json
		t.Errorf("on disk: %v, %v", on, err)
	}
	checkManifest(t, m)
	if !strings.Contains(m.Headline, "guard.leakHere") {
		t.Errorf("the headline names somebody else: %s", m.Headline)
	}
	if runtime.GOOS != "windows" {
		checkModes(t, filepath.Dir(folder))
	}

	// go tool pprof opens each, and the difference names the leak.
	for _, name := range want {
		if !strings.HasSuffix(name, ".pb.gz") || strings.Contains(name, ".2.") {
			continue
		}
		top := pprofTop(t, filepath.Join(folder, name))
		if name == "heap-fresh.pb.gz" && !strings.Contains(top, "guard.leakHere") {
			t.Errorf("%s does not name the leak:\n%s", name, top)
		}
	}
	top := pprofTop(t, "-base", filepath.Join(folder, "heap-base.pb.gz"), filepath.Join(folder, "heap-fresh.2.pb.gz"))
	if first := topFunction(top); !strings.Contains(first, "guard.leakHere") {
		t.Errorf("the difference ranks %q first:\n%s", first, top)
	}
	pprofTop(t, "-base", filepath.Join(folder, "goroutine-base.pb.gz"), filepath.Join(folder, "goroutine.pb.gz"))
}

func checkManifest(t *testing.T, m incident.Manifest) {
	t.Helper()
	switch p := m.Process; {
	case m.Schema != 1, m.Rule != "leak", m.Trigger != incident.TriggerRule, m.Unit != profile.UnitBytes:
		t.Errorf("schema %d, rule %q, trigger %q, unit %q", m.Schema, m.Rule, m.Trigger, m.Unit)
	case !strings.Contains(m.Reason, "live heap") || !strings.Contains(m.Reason, "line at"):
		t.Errorf("reason %q", m.Reason)
	case m.Recovered == nil || !m.Recovered.After(m.Opened):
		t.Errorf("opened %v, recovered %v", m.Opened, m.Recovered)
	case m.Peak < 200<<20 || m.Peak > 1<<30:
		t.Errorf("peak %d", m.Peak)
	case p.Service != "leaky" || p.Version != "v1.2.3" || p.PID <= 0 || p.PID == os.Getpid() || p.Host == "" || p.GOMAXPROCS < 1 || p.Started.IsZero() || p.Started.After(m.Opened):
		t.Errorf("process %+v", p)
	case m.Build.GoVersion != runtime.Version() || m.Build.OS != runtime.GOOS || m.Build.Arch != runtime.GOARCH:
		t.Errorf("build %+v", m.Build)
	case len(m.Limits) == 0 && runtime.GOOS == "linux":
		t.Error("no limits")
	case len(m.Readings) == 0 || m.Readings[len(m.Readings)-1].HeapLive < 32<<20 || m.Readings[len(m.Readings)-1].Time.After(m.Opened):
		t.Errorf("%d readings, the last: %+v", len(m.Readings), m.Readings[max(len(m.Readings)-1, 0):])
	case len(m.Captures) != 2 || m.Captures[0].Seq != 1 || m.Captures[1].Seq != 2:
		t.Errorf("captures %+v", m.Captures)
	}
	var told []string
	for _, d := range m.Decisions {
		told = append(told, d.Text)
	}
	for _, what := range []string{"opened: ", "capture: no evidence yet", "captured heap+goroutine", "escalated: ", "recovered: "} {
		if !slices.ContainsFunc(told, func(s string) bool { return strings.HasPrefix(s, what) }) {
			t.Errorf("no decision %q in:\n%s", what, strings.Join(told, "\n"))
		}
	}
	for _, c := range m.Captures {
		for _, s := range c.Steps {
			if stale := strings.HasPrefix(s.File, "heap.") && s.File != ""; s.Stale != stale {
				t.Errorf("%s: stale %v", s.File, s.Stale)
			}
			if s.Outcome == incident.OutcomeWritten && s.File == "" || s.Outcome == incident.OutcomeFailed {
				t.Errorf("step %+v", s)
			}
			if s.Kind == profile.GoroutineLeak && !strings.Contains(s.Reason, "Config.GoroutineLeak is not set") {
				t.Errorf("%+v without opting in", s)
			}
		}
	}
}

// checkModes checks that all of the store is this user's alone.
func checkModes(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		want := os.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if fi.Mode().Perm() != want {
			t.Errorf("%s has mode %v", path, fi.Mode())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// pprofTop runs go tool pprof -top.
func pprofTop(t *testing.T, args ...string) string {
	t.Helper()
	args = append([]string{"tool", "pprof", "-top", "-symbolize=none"}, args...)
	out, err := exec.Command("go", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// topFunction is the first row below the heading of -top.
func topFunction(top string) string {
	_, rows, _ := strings.Cut(top, "cum%\n")
	first, _, _ := strings.Cut(rows, "\n")
	return first
}

func TestEvidenceWithoutForcedGC(t *testing.T) {
	m, folder := leakIncident(t, "noforcedgc")
	if files, err := filepath.Glob(filepath.Join(folder, "heap-fresh*")); err != nil || len(files) > 0 {
		t.Errorf("fresh profiles: %v, %v", files, err)
	}
	if text := strings.Join(outcomesOf(m, profile.Heap), "\n"); !strings.Contains(text, "skipped  NoForcedGC is set") {
		t.Errorf("the manifest does not say why there is none:\n%s", text)
	}
	for _, r := range m.Readings {
		if r.NumForcedGC > 3 { // the test's own
			t.Errorf("%s forced GCs", r.NumForcedGC)
		}
	}
}

func TestGoroutineLeakIsOptedIn(t *testing.T) {
	if !profile.GoroutineLeak.Available() {
		g, _ := startGuard(t, Config{GoroutineLeak: true})
		i := mustCapture(t, g) // what the toolchain lacks is no failure
		m, err := g.Store().Incident(i.ID)
		if text := strings.Join(outcomesOf(m, profile.GoroutineLeak), "\n"); err != nil || !strings.Contains(text, profile.ErrNoProfile.Error()) {
			t.Errorf("%q, %v", text, err)
		}
		return
	}
	g, _ := startGuard(t, Config{GoroutineLeak: true})
	stuck := make(chan struct{})
	go func() { stuck <- struct{}{} }()
	wants(t, mustCapture(t, g), "goroutineleak.pb.gz")
	<-stuck
}

// Without a request no kind is taken that costs the host something.
func TestCaptureOfTheUsualKinds(t *testing.T) {
	g, _ := startGuard(t, Config{})
	waitFor(t, "baselines", func() bool { return g.Snapshot().Counters.Baselines == 2 })
	i, err := g.Capture(context.Background(), "by hand")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range i.Artefacts {
		if !isRung(a.Name) {
			names = append(names, a.Name)
		}
	}
	slices.Sort(names)
	want := []string{"goroutine-base.pb.gz", "goroutine.pb.gz", "goroutine.txt", "heap-base.pb.gz", "heap-fresh.pb.gz", "heap.pb.gz"}
	if !slices.Equal(names, want) {
		t.Errorf("files %v, want %v", names, want)
	}
	if i.Rule != "manual" || i.Trigger != incident.TriggerManual || i.Reason != "by hand" || i.Recovered.IsZero() {
		t.Errorf("incident: %+v", i)
	}
}

// outcomesOf lists what became of the steps of a kind.
func outcomesOf(m incident.Manifest, kind profile.Kind) (list []string) {
	for _, c := range m.Captures {
		for _, s := range c.Steps {
			if s.Kind == kind {
				list = append(list, string(s.Outcome)+" "+s.File+" "+s.Reason)
			}
		}
	}
	return list
}

// isRung reports whether a file is a further baseline.
func isRung(name string) bool {
	_, variant, number, _ := incident.ParseFileName(name)
	return variant == incident.VariantBase && number > 1
}
