package guard

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/cgroup/cgrouptest"
	"github.com/leakguard/leakguard/profile"
)

func init() { children["slab"] = slabChild }

// slabReport is what a guard said of a process whose cgroup the kernel filled with
// dentries.
type slabReport struct {
	Pressure, Events, Lines []string
	Usage, Kernel, Must     profile.Bytes // the most of each
	Verdict                 string        // at the most usage
}

// slabChild asks for a million names that do not exist. The kernel remembers each.
func slabChild(args []string) {
	must(0, cgrouptest.Join(args[0]))
	book, box := &logBook{}, newMailbox("box")
	pressure := make(chan Pressure, 100)
	g := must(Start(Config{Dir: filepath.Join(args[1], "evidence"), Logger: slog.New(book), Sinks: []Sink{box},
		Pressure:   PressureLines{Warmup: -1},
		OnPressure: func(_ context.Context, p Pressure) { pressure <- p }}))
	var r slabReport
	var stat syscall.Stat_t
	name := args[1] + "/no-such-file-with-a-name-too-long-to-be-stored-in-a-dentry-"
	// An emulated machine takes long for a million.
	var met time.Time
	for i, end := 0, time.Now().Add(30*time.Second); i < 1_000_000 && time.Now().Before(end) && (met.IsZero() || time.Since(met) < 5*time.Second); i++ {
		if err := syscall.Lstat(name+strconv.Itoa(i), &stat); !errors.Is(err, syscall.ENOENT) {
			must(0, err)
		}
		if i%1000 != 0 {
			continue
		}
		if s := g.Snapshot(); s.Reading.CgroupUsage > r.Usage {
			r.Usage, r.Verdict = s.Reading.CgroupUsage, s.Verdict.Text
		}
		now := g.Snapshot().Reading
		if met.IsZero() && float64(now.CgroupUsage) > 0.97*float64(now.CgroupLimit) {
			met = time.Now()
		}
		r.Kernel, r.Must = max(r.Kernel, now.CgroupKernel), max(r.Must, now.Unreclaimable)
	}
	time.Sleep(2 * time.Second)
	must(0, g.Close())
	for len(pressure) > 0 {
		r.Pressure = append(r.Pressure, (<-pressure).Reason)
	}
	for len(box.events) > 0 {
		e := <-box.events
		r.Events = append(r.Events, e.Incident.Rule+": "+e.Reason)
	}
	book.mu.Lock()
	for _, line := range book.lines {
		if !strings.HasPrefix(line, "DEBUG") {
			r.Lines = append(r.Lines, line)
		}
	}
	book.mu.Unlock()
	must(0, json.NewEncoder(os.Stdout).Encode(r))
}

// A service that asks for a million missing names fills its cgroup with dentries, which
// the kernel takes back: that is no incident, and no reason to leave.
func TestSlabIsReclaimable(t *testing.T) {
	group, dir := cgrouptest.New(t, 40*mib)[0], onDisk(t)
	out, err := child(t, "slab", group, dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	var r slabReport
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	t.Logf("usage up to %v, kernel %v, must stay %v; %s", r.Usage, r.Kernel, r.Must, r.Verdict)
	for _, line := range r.Lines {
		t.Log(line)
	}
	if r.Kernel < 20*mib {
		t.Fatalf("the kernel remembered only %v", r.Kernel)
	}
	if len(r.Pressure) > 0 || len(r.Events) > 0 {
		t.Errorf("pressure %q, incidents %q", r.Pressure, r.Events)
	}
	if r.Must > 20*mib {
		t.Errorf("%v must stay", r.Must)
	}
	if !strings.Contains(r.Verdict, "kernel memory (dentries and inodes") {
		t.Errorf("verdict at %v: %s", r.Usage, r.Verdict)
	}
}
