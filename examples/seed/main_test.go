package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile/incident"
	"github.com/leakguard/leakguard/profile/report"
)

// TestSeed runs the story that this library began with, and reads the report: it
// must name both packages, and which of them is the cause.
func TestSeed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evidence")
	var out strings.Builder
	if err := run(t.Context(), &out, dir, 50*time.Second); err != nil {
		t.Fatal(err)
	}
	text := strings.TrimPrefix(out.String(), "\n")
	first, _, _ := strings.Cut(text, "\n")
	for _, want := range []string{"goroutines wait in chan send at storage.ask (examples/seed/storage/storage.go:", "cause candidate",
		"recorder.(*Recorder).record (examples/seed/recorder/recorder.go:", "grew with them"} {
		if !strings.Contains(first, want) {
			t.Errorf("the first line does not say %q: %s", want, first)
		}
	}

	incidents, err := incidentsIn(dir)
	if err != nil || len(incidents) != 1 {
		t.Fatalf("%d incidents, %v", len(incidents), err)
	}
	report, err := report.ExplainFolder(filepath.Join(dir, incidents[0].ID))
	if err != nil {
		t.Fatal(err)
	}
	roles := make(map[incident.Role]string)
	for _, s := range report.Suspects {
		roles[s.Role] += s.Frame.Function + " "
	}
	if got := roles[incident.RoleCause]; !strings.HasSuffix(got, "storage.ask ") {
		t.Errorf("the cause candidate is %q", got)
	}
	if got := roles[incident.RoleGrowsWith]; !strings.HasSuffix(got, "recorder.(*Recorder).record ") {
		t.Errorf("what grows with it is %q", got)
	}
	for name, most := range map[string]int64{incident.ReportText: 8 << 10, incident.ReportMarkdown: 32 << 10, incident.ReportHTML: 3 << 19} {
		if fi, err := os.Stat(filepath.Join(dir, incidents[0].ID, name)); err != nil || fi.Size() > most {
			t.Errorf("%s: %v, want at most %d bytes", name, err, most)
		}
	}
}

// incidentsIn returns the incidents that a guard has kept in a folder.
func incidentsIn(dir string) ([]incident.Manifest, error) {
	kept, err := incident.OpenStore(dir)
	if err != nil {
		return nil, err
	}
	return kept.Incidents()
}
