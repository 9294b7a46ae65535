package realtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard/guardtest"
	"github.com/leakguard/leakguard/internal/ingest"
	"github.com/leakguard/leakguard/internal/testenv"
	"github.com/leakguard/leakguard/sentryhook"
)

// cell is a scene of examples/sentry behind nginx.
type cell struct {
	limit      string // client_max_body_size; empty: nginx's default
	goroutines int
	long       time.Duration
}

func cells(t *testing.T) []cell {
	quick := []cell{{"", 1000, time.Second}}
	ci := append(quick,
		cell{"1m", 1000, 10 * time.Second}, cell{"1m", 1000, 33 * time.Second}, cell{"50m", 5000, 10 * time.Second})
	switch much := os.Getenv("SENTRYHOOK_SCENES"); much {
	case "":
		return testenv.Scaled(ci, quick)
	case "full":
		return append(ci, cell{"1m", 5000, 10 * time.Second}, cell{"1m", 5000, 33 * time.Second},
			cell{"50m", 1000, 10 * time.Second}, cell{"50m", 1000, 33 * time.Second}, cell{"50m", 5000, 33 * time.Second})
	default:
		t.Fatalf("SENTRYHOOK_SCENES=%s: want 'full' or nothing", much)
		return nil
	}
}

// outcome is what a run of the example prints, and what the servers saw.
type outcome struct {
	Sent       int
	Finish     time.Duration
	Made, Wire struct {
		Statuses map[int]int
		Failed   int
		Bytes    int64
		Largest  int64
	}
	Heap, Memory int64
	Transport    sentryhook.TransportStats
	Gate         sentryhook.GateStats

	refusals int   // by nginx
	raw      int64 // of the largest envelope that arrived, decompressed
	totals   ingest.Totals
	profiles []ingest.Profile
}

// Without sentryhook a proxy refuses transactions. With it everything arrives, and with
// the gate as well it costs next to no memory.
func TestScene(t *testing.T) {
	if !testenv.Full() { // the large ones want the processors for themselves
		t.Parallel()
	}
	for _, c := range cells(t) {
		t.Run(fmt.Sprintf("%d goroutines, %v, limit %s", c.goroutines, c.long, cmp.Or(c.limit, "default")), func(t *testing.T) {
			without := c.run(t, "without")
			var transport, gate outcome
			// At the same time: with the gate next to nothing is recorded.
			t.Run("with", func(t *testing.T) {
				t.Run("transport", func(t *testing.T) { t.Parallel(); transport = c.run(t, "transport") })
				t.Run("gate", func(t *testing.T) { t.Parallel(); gate = c.run(t, "gate") })
			})
			if t.Failed() {
				return
			}

			if without.refusals == 0 || without.Wire.Statuses[413] != without.refusals || without.totals.Transactions >= without.Sent {
				t.Errorf("without: nginx answered %d 413 and %d of %d transactions arrived: this scene shows nothing",
					without.refusals, without.totals.Transactions, without.Sent)
			}
			for mode, o := range map[string]outcome{"transport": transport, "gate": gate} {
				if o.refusals != 0 || o.Wire.Statuses[413] != 0 || o.Wire.Failed != 0 {
					t.Errorf("%s: %d 413 from nginx, answers %v, %d without one", mode, o.refusals, o.Wire.Statuses, o.Wire.Failed)
				}
				if o.totals.Transactions != o.Sent {
					t.Errorf("%s: %d of %d transactions arrived", mode, o.totals.Transactions, o.Sent)
				}
				if len(o.totals.Refused) != 0 {
					t.Errorf("%s: Relay would drop %v", mode, o.totals.Refused)
				}
			}
			c.checkTransport(t, transport)

			refused := 0
			for _, n := range gate.Gate.Refused {
				refused += int(n)
			}
			if refused+gate.totals.Profiles != gate.Sent || refused == 0 {
				t.Errorf("gate: %d profiles refused %v and %d delivered of %d", refused, gate.Gate.Refused, gate.totals.Profiles, gate.Sent)
			}
			if gate.Heap > without.Heap/4 {
				t.Errorf("gate: the heap's peak is %.1f MiB, %.1f without sentryhook: want at most a quarter", mib(gate.Heap), mib(without.Heap))
			}
		})
	}
}

// checkTransport checks that every profile arrived, as far as Relay accepts it.
func (c cell) checkTransport(t *testing.T, o outcome) {
	// With thousands of goroutines the SDK's recorder may not get to a sample in
	// 100 ms; those transactions have no profile to begin with.
	if int64(o.totals.Profiles) != o.Transport.Profiles || len(o.Transport.Dropped) != 0 {
		t.Errorf("transport: %d of %d profiles arrived: %+v", o.totals.Profiles, o.Transport.Profiles, o.Transport)
	}
	if r := o.Transport.Reduced; r.ActiveRuns+r.Thinned+r.OtherThreads != 0 {
		t.Errorf("transport: profiles lost samples: %+v", r)
	}
	if cut := o.Transport.Cut > 0; cut != (c.long > 30*time.Second) {
		t.Errorf("transport: %d profiles were cut at 30 s, of a request of %v", o.Transport.Cut, c.long)
	}
	// gzip alone makes parked goroutines small on the wire, but Relay and Kafka count
	// decompressed bytes.
	if most := int64(c.goroutines) * 500; o.raw > most {
		t.Errorf("transport: an envelope of %d bytes arrived, want at most %d", o.raw, most)
	}
	if len(o.profiles) == 0 {
		t.Error("transport: no profile arrived")
		return
	}
	// The SDK's recorder keeps the last 30 s, and Relay accepts the first 30 s.
	want := c.long
	if over := c.long - 30*time.Second; over > 0 {
		want = 30*time.Second - over
	}
	// On a busy machine the first or the last sample comes late.
	least := min(want*8/10, want-500*time.Millisecond)
	first := o.profiles[0]
	if spans := first.Last - first.First; spans < least || first.Last > 30*time.Second {
		t.Errorf("transport: the long profile spans %v of %v, and ends at %v", spans, want, first.Last)
	}
	if first.Threads < c.goroutines || first.ActiveSamples < 20 {
		t.Errorf("transport: the long profile has %d threads and %d samples of the active one", first.Threads, first.ActiveSamples)
	}
}

// run runs the scene in a mode.
func (c cell) run(t *testing.T, mode string) (o outcome) {
	t.Helper()
	n := newNginx(t, c.limit)
	cmd := exec.Command(example(t), "-only", mode, "-dsn", n.dsn, "-goroutines", fmt.Sprint(c.goroutines), "-for", c.long.String())
	var errs bytes.Buffer
	cmd.Stderr = &errs
	said, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", mode, err, errs.Bytes())
	}
	if err := json.Unmarshal(said, &o); err != nil {
		t.Fatalf("%s: %v in %s", mode, err, said)
	}
	o.refusals, o.totals = n.refusals(t, o.Wire.Statuses[413]), n.Totals()
	for _, r := range n.Received() {
		o.raw = max(o.raw, r.Raw)
		for _, it := range r.Items {
			if it.Profile != nil {
				o.profiles = append(o.profiles, *it.Profile)
			}
		}
	}
	t.Logf("| %s | %d of %d | %d | %d | %.1f MiB | %.3f MiB | %.3f MiB | %v | %.1f MiB | %.1f MiB |", mode,
		o.totals.Transactions, o.Sent, o.refusals, o.totals.Profiles, mib(o.Made.Largest), mib(o.raw), mib(o.Wire.Largest),
		o.Finish.Round(time.Millisecond/10), mib(o.Heap), mib(o.Memory))
	return o
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// example is the binary of examples/sentry.
func example(t *testing.T) string {
	t.Helper()
	path, err := buildExample()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var buildExample = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binaries, "sentry.exe")
	out, err := exec.Command("go", "build", "-o", path, "github.com/leakguard/leakguard/examples/sentry").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// binaries is a folder that lives as long as all tests.
var binaries string

func TestMain(m *testing.M) {
	if mode := os.Getenv(backlogEnv); mode != "" {
		if err := backlog(mode); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	dir, err := os.MkdirTemp("", "realtest")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binaries = dir
	// The SDK's transport and profiler never end what they start.
	guardtest.Main(folderOf{m},
		guardtest.IgnoreAny("github.com/getsentry/sentry-go.(*HTTPTransport).worker"),
		guardtest.IgnoreAny("github.com/getsentry/sentry-go.(*profileRecorder).run"))
}

// folderOf removes the folder when the tests have run.
type folderOf struct{ m *testing.M }

func (f folderOf) Run() int {
	defer os.RemoveAll(binaries)
	return f.m.Run()
}
