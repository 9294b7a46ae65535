package guard

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/procfs"
	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/internal/testenv"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

func init() { children["crowd"] = crowdChild }

// crowdSize is how many goroutines the child starts.
func crowdSize() int { return testenv.Scaled(1_000_000, 100_000) }

// crowdReport is what the child found.
type crowdReport struct {
	Manifest   incident.Manifest
	Captured   int64
	LongestGap time.Duration // between two ticks of the host, due every ms
	Took       time.Duration
}

// crowdChild starts goroutines, then a guard. With 'near' the limit is above what
// the process has by then, by 256 bytes for each of them.
func crowdChild(args []string) {
	size := must(strconv.Atoi(args[2]))
	dismiss := crowd(size)
	defer dismiss()
	cfg := Config{Dir: args[0], Rules: []Rule{}}
	if args[1] == "near" {
		p := must(procfs.Open("/"))
		var s procfs.Stat
		must(0, p.Read(&s))
		cfg.Limit = s.RSSAnon + 256*int64(size)
		must(0, p.Close())
	}
	g := must(Start(cfg))

	var report crowdReport
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for last := time.Now(); ; {
			time.Sleep(time.Millisecond)
			now := time.Now()
			report.LongestGap = max(report.LongestGap, now.Sub(last))
			last = now
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	start := time.Now()
	i := must(g.Capture(context.Background(), "a crowd"))
	report.Took = time.Since(start)
	close(stop)
	<-stopped
	must(0, g.Close())
	report.Captured = g.Snapshot().Counters.Captures
	store := must(store.Open(store.Config{Dir: args[0]}))
	report.Manifest = must(store.Incident(i.ID))
	must(0, store.Close())
	if n := runtime.NumGoroutine(); n < size {
		must(0, fmt.Errorf("%d goroutines are left", n))
	}
	must(0, json.NewEncoder(os.Stdout).Encode(report))
}

func crowdReportOf(t *testing.T, where string) (report crowdReport) {
	t.Helper()
	if raceEnabled {
		t.Skip("the race detector makes minutes of it, nearly all page faults")
	}
	_, available, err := procfs.HostMemory("/")
	testenv.Need(t, err == nil && available > 6<<10*int64(crowdSize()), "needs 6 KiB of free memory for each goroutine")
	cmd := child(t, "crowd", filepath.Join(t.TempDir(), "evidence"), where, strconv.Itoa(crowdSize()))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	decodeErr := json.NewDecoder(bufio.NewReader(out)).Decode(&report)
	if err := cmd.Wait(); err != nil || decodeErr != nil {
		t.Fatalf("the host was harmed: %v, %v", err, decodeErr)
	}
	t.Logf("the capture took %v, the host's longest gap was %v", report.Took, report.LongestGap)
	return report
}

func TestMillionGoroutinesNearTheLimit(t *testing.T) {
	r := crowdReportOf(t, "near")
	text := strings.Join(outcomesOf(r.Manifest, profile.Goroutine), "\n")
	if strings.Contains(text, string(incident.OutcomeWritten)) || !strings.Contains(text, "it would allocate about") || !strings.Contains(text, "headroom") {
		t.Errorf("the goroutines are dumped near the limit, or not why they are not:\n%s", text)
	}
	if n := r.Manifest.Readings[len(r.Manifest.Readings)-1].Goroutines; n < profile.Count(crowdSize()) {
		t.Errorf("%s goroutines are counted", n)
	}
	if !strings.Contains(strings.Join(outcomesOf(r.Manifest, profile.Heap), "\n"), "written heap.pb.gz") || r.Captured != 1 {
		t.Errorf("%d captures, of the heap: %q", r.Captured, outcomesOf(r.Manifest, profile.Heap))
	}
}

func TestMillionGoroutinesWithoutALimit(t *testing.T) {
	r := crowdReportOf(t, "far")
	text := strings.Join(outcomesOf(r.Manifest, profile.Goroutine), "\n")
	if !strings.Contains(text, "written goroutine.pb.gz") || !strings.Contains(text, "no text form: with") {
		t.Errorf("goroutines:\n%s", text)
	}
	// The text form stops the world for 7 to 15 s.
	if r.LongestGap > 5*time.Second {
		t.Errorf("the host stood still for %v", r.LongestGap)
	}
}
