package incident

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
)

// testManifest has every field set.
func testManifest() Manifest {
	recovered := noon.Add(time.Minute)
	reading := NewReading(noon.Add(-time.Second))
	reading.HeapLive = 400 << 20
	return Manifest{
		Rule: "heap", Trigger: TriggerRule, Reason: "unreclaimable memory 92% of 512 MiB",
		Headline: "storage.(*Cache).Put holds 298.0 MiB more than 1h before",
		Opened:   noon, Recovered: &recovered, Peak: 500 << 20, Unit: profile.UnitBytes,
		Captures: []CaptureRecord{{Seq: 1, Time: noon, Steps: []CaptureStep{
			{Kind: profile.Heap, File: "heap.pb.gz", Outcome: OutcomeWritten, Stale: true, TookNS: 1e6},
			{Kind: profile.CPU, Outcome: OutcomeSkipped, Reason: "no headroom"},
		}}},
		Decisions: []Decision{{Time: noon, Text: "captured: above the line for 3 s"}},
		Verdict:   Verdict{Class: VerdictTmpfs, Text: "tmpfs holds 240.0 MiB of 512.0 MiB; it counts like heap"},
		Readings:  []Reading{reading},
		History:   []HistoryPoint{{Time: noon.Add(-time.Minute), Memory: 300 << 20, LiveHeap: 200 << 20, Goroutines: 12}},
		Trends: []Trend{{Signal: "live heap", Unit: profile.UnitBytes, State: "leaking", Slope: 3e6, SlopeLow: 2e6, SlopeHigh: 4e6,
			Confidence: 0.99, Since: noon.Add(-24 * time.Hour), Reason: "it rose steadily", LimitSoonest: 10 * time.Hour, LimitLatest: 20 * time.Hour}},
		GoroutineSites: []GoroutineSite{{
			Frame: profile.Frame{Function: "example.com/storage.(*Cache).Put", File: "storage.go", Line: 85, Package: "example.com/storage", Module: "example.com"},
			Root:  "example.com/storage.watch", Wait: "chan receive", Count: 150, Grown: 134, Since: noon.Add(-time.Hour),
			Standing: time.Hour, Leaking: true, Proven: true, Reason: "134 more in 1h, rising steadily"}},
		Limits:  []MemoryLimit{{Source: "cgroup v2", Path: "/sys/fs/cgroup/memory.max", Bytes: 512 << 20}, {Source: "GOMEMLIMIT", Bytes: profile.Unknown}},
		Build:   Build{GoVersion: "go1.26.0", Path: "example.com/cmd", Module: "example.com", Version: "v1.2.3", Revision: "abc", Modified: true, OS: "linux", Arch: "amd64"},
		Process: Process{Service: "checkout", Version: "7", Host: "h", Pod: "p", PID: 1, Started: noon.Add(-time.Hour), GOMAXPROCS: 2},
		Suspects: Suspects{{
			Kind: profile.Heap, Unit: profile.UnitBytes, Value: Change{Before: 1 << 20, After: 300 << 20}, Share: 0.87, Standing: profile.Unknown,
			Frame:      profile.Frame{Function: "example.com/shop/storage.(*Cache).Put", File: "/src/shop/storage/cache.go", Line: 42, Package: "example.com/shop/storage", Module: "example.com/shop"},
			Confidence: 0.81, Reasons: []string{"grew from 1.0 MiB to 300.0 MiB in 60 min"}, Role: RoleCause, Accused: true,
		}},
		Artefacts: []Artefact{newArtefact("heap.pb.gz", 1, "00", noon)},
	}
}

// Programs that are not Go read the file, so its names are a contract.
func TestManifestGolden(t *testing.T) {
	m := testManifest()
	m.Schema, m.ID, m.Readings = manifestSchema, "20261120T120000.000Z-heap-7f3a", nil
	got, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "manifest.json")
	want, err := os.ReadFile(golden)
	if err != nil || !bytes.Equal(got, want) {
		os.MkdirAll("testdata", 0o755)
		os.WriteFile(golden+".got", got, 0o644)
		t.Errorf("the manifest differs from %s (%v): see %[1]s.got", golden, err)
	}
}

func TestManifestIsBounded(t *testing.T) {
	m := testManifest()
	for i := range 1000 {
		m.Decisions = append(m.Decisions, Decision{Time: noon, Text: fmt.Sprint("decision ", i, strings.Repeat(" ä", 2000))})
		m.Readings = append(m.Readings, NewReading(noon.Add(time.Duration(i)*time.Second)))
		m.Captures = append(m.Captures, CaptureRecord{Seq: i + 2, Steps: []CaptureStep{{Kind: profile.Heap, Outcome: OutcomeFailed, Reason: strings.Repeat("e", 9999)}}})
	}
	before := m.Decisions[5].Text
	m.Schema = manifestSchema
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if m.Decisions[5].Text != before || len(m.Captures[5].Steps[0].Reason) != 9999 {
		t.Error("the caller's manifest was cut")
	}
	got, err := ReadManifest(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Decisions) != 64 || len(got.Readings) != 64 || len(got.Captures) != 64 {
		t.Errorf("%d decisions, %d readings, %d captures", len(got.Decisions), len(got.Readings), len(got.Captures))
	}
	if got.Decisions[0].Text != "captured: above the line for 3 s" || !strings.HasPrefix(got.Decisions[63].Text, "decision 999 ") {
		t.Error("of decisions the first and the newest stay")
	}
	if got.Captures[0].Seq != 1 || got.Captures[63].Seq != 1001 || !got.Readings[63].Time.Equal(noon.Add(999*time.Second)) {
		t.Error("of captures the first and the newest, of readings the newest stay")
	}
	m.Limits = []MemoryLimit{{Source: strings.Repeat("s", maxManifestBytes)}}
	if _, err := m.Encode(); err == nil {
		t.Error("wrote what cannot be read back")
	}
}

func TestReadManifestRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "parse manifest",
		"{}":                                    "has no schema",
		"null":                                  "has no schema",
		`{"schema":1`:                           "parse manifest",
		`{"schema":1} more`:                     "parse manifest",
		`{"schema":2,"id":[]}`:                  "reads at most 1",
		`{"schema":1,"peak":"much"}`:            "parse manifest",
		`{"schema":1,"limits":[{"bytes":-5}]}`:  "parse manifest",
		strings.Repeat(" ", maxManifestBytes+1): "larger than",
	} {
		if _, err := ReadManifest(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
	m, err := ReadManifest(strings.NewReader(`{"schema":1,"new_field":1,"artefacts":[{"name":"../../etc/passwd"},{"name":"manifest.json"},{"name":"heap.pb.gz","size_bytes":7,"kind":"cpu"}]}`))
	if err != nil || len(m.Artefacts) != 1 || len(m.Warnings) != 2 || *m.Artefacts[0].Kind != profile.Heap {
		t.Errorf("hostile names: %+v, %v", m, err)
	}
}

// Anything that can be read can be written, and then reads as the same.
func FuzzReadManifest(f *testing.F) {
	m := testManifest()
	m.Schema = manifestSchema
	seed, err := m.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"schema":1,"artefacts":[{"name":"heap.2.pb.gz","size_bytes":1}],"recovered":null}`))
	f.Add([]byte(`{"schema":1,"reason":"\ud800","captures":[{"steps":[{"kind":"block"}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		one, err := ReadManifest(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, a := range one.Artefacts {
			if !layout.ValidName(a.Name) || strings.ContainsAny(a.Name, `/\`) {
				t.Errorf("artefact %q", a.Name)
			}
		}
		text, err := one.Encode()
		if err != nil {
			return // a bound
		}
		two, err := ReadManifest(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("wrote what cannot be read: %v\n%s", err, text)
		}
		again, err := two.Encode()
		if err != nil || !bytes.Equal(text, again) {
			t.Errorf("%v\n%s\nbecame\n%s", err, text, again)
		}
		if !reflect.DeepEqual(one.Process.PID, two.Process.PID) || one.ID != two.ID || one.Rule != two.Rule || len(one.Artefacts) != len(two.Artefacts) {
			t.Errorf("%+v became %+v", one, two)
		}
	})
}

// A manifest that an earlier version wrote is read as it is: it names no suspects.
func TestManifestBeforeSuspects(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "manifest-before-suspects.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := ReadManifest(f)
	if err != nil {
		t.Fatal(err)
	}
	if m.Schema != 1 || m.Rule != "heap" || m.Trigger != TriggerRule || m.Unit != profile.UnitBytes || m.Suspects != nil || len(m.Artefacts) != 1 {
		t.Errorf("read %+v", m)
	}
}

func TestSuspectsAreBounded(t *testing.T) {
	m := testManifest()
	s := m.Suspects[0]
	s.Share, s.Confidence, s.TicksPerSecond = math.NaN(), math.Inf(1), math.Inf(-1)
	s.Frame.Function = strings.Repeat("f", 1<<20)
	for range 100 {
		s.Reasons = append(s.Reasons, strings.Repeat("r", 1<<20))
	}
	m.Suspects = Suspects{{}} // of no kind
	for range 100 {
		m.Suspects = append(m.Suspects, s)
	}
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadManifest(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.Suspects); n < 1 || n > 8 || len(got.Suspects[0].Reasons) > 8 || len(data) > 256<<10 {
		t.Errorf("%d suspects in %d bytes", n, len(data))
	}
	if s := got.Suspects[0]; s.Share != 0 || s.Confidence != 0 || s.TicksPerSecond != 0 {
		t.Errorf("numbers that JSON lacks became %v, %v, %v", s.Share, s.Confidence, s.TicksPerSecond)
	}
}
