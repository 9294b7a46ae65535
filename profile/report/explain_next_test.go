package report

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

func TestNextCommands(t *testing.T) {
	files := artefacts("heap.pb.gz", "heap-base.pb.gz", "heap-fresh.pb.gz", "heap.2.pb.gz", "heap-fresh.10.pb.gz", "heap.9.pb.gz", "goroutine.pb.gz", "goroutine.txt", "goroutine.2.txt", "notes.txt")
	if now, base := newestOf(files, profile.Heap); now != "heap-fresh.10.pb.gz" || base != "heap-base.pb.gz" {
		t.Errorf("newest heap is %q with base %q", now, base)
	}
	if now, _ := newestOf(artefacts("heap-fresh.pb.gz", "heap.2.pb.gz"), profile.Heap); now != "heap.2.pb.gz" {
		t.Errorf("newest of a later capture is %q", now)
	}
	if now, base := newestOf(files, profile.Goroutine); now != "goroutine.pb.gz" || base != "" {
		t.Errorf("newest goroutine profile is %q with base %q", now, base)
	}
	if got := newestText(files); got != "goroutine.2.txt" {
		t.Errorf("newest text is %q", got)
	}
	if now, _ := newestOf(files, profile.CPU); now != "" {
		t.Errorf("%q is no CPU profile", now)
	}
	for _, c := range next(Input{Manifest: incident.Manifest{Artefacts: files}, Folder: "/e"}, nil) {
		if strings.Contains(c.Line, "cpu") {
			t.Errorf("%q is about a file that is not there", c.Line)
		}
	}
}

func TestShellQuote(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("its quotes are others")
	}
	for path, want := range map[string]string{
		"/var/lib/x-1_2.pb.gz": "/var/lib/x-1_2.pb.gz",
		"/a b":                 "'/a b'",
		"/o'hara":              `'/o'\''hara'`,
		"/$(rm -rf ~)":         "'/$(rm -rf ~)'",
		"-base":                "./-base",
		"":                     "''",
	} {
		if got := shellQuote(path); got != want {
			t.Errorf("shellQuote(%q) = %s, want %s", path, got, want)
		}
	}
}

// Commands returns the same commands as the report of the incident.
func TestManifestCommands(t *testing.T) {
	m := incident.Manifest{Artefacts: []incident.Artefact{
		artefact("heap-base.pb.gz", 1), artefact("heap.pb.gz", 1), artefact("heap-fresh.pb.gz", 1)}}
	got := Commands(m, "evidence")
	want := "go tool pprof -top -base " + filepath.Join("evidence", "heap-base.pb.gz") + " " + filepath.Join("evidence", "heap-fresh.pb.gz")
	if len(got) != 2 || !strings.Contains(strings.ReplaceAll(got[0].Line, "'", ""), want) {
		t.Errorf("the commands are %+v, want the first to be %s", got, want)
	}
}
