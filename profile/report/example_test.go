package report_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
	"github.com/leakguard/leakguard/profile/incident"
	"github.com/leakguard/leakguard/profile/report"
)

// Explain makes a report of comparisons and of what is known about the
// incident. Here goroutines leak, and the memory of another package grows with
// them.
func ExampleExplain() {
	put := profile.Frame{Function: "example.com/shop/storage.(*Cache).Put", File: "/src/shop/storage/storage.go", Line: 85, Package: "example.com/shop/storage", Module: "example.com/shop"}
	record := profile.Frame{Function: "example.com/tracing.record", File: "/src/tracing/record.go", Line: 40, Package: "example.com/tracing", Module: "example.com/tracing"}
	r := report.Explain(report.Input{
		Heap: &diff.Comparison{Kind: profile.Heap, Unit: profile.UnitBytes, HasBase: true, Suspects: []incident.Suspect{{
			Kind: profile.Heap, Frame: record, Value: incident.Change{Before: 100 << 20, After: 200 << 20}, Unit: profile.UnitBytes, Share: 0.95, Confidence: 0.8,
		}}},
		Goroutine: &diff.Comparison{Kind: profile.Goroutine, Unit: profile.UnitCount, HasBase: true, Suspects: []incident.Suspect{{
			Kind: profile.Goroutine, Frame: put, Wait: "chan receive", Value: incident.Change{Before: 800, After: 1600}, Unit: profile.UnitCount, Share: 0.99,
			Standing: 40 * time.Minute, Confidence: 0.85,
		}}},
	})
	for _, s := range r.Suspects {
		fmt.Printf("%s: %s\n", s.Role, s.Frame.Function)
	}
	fmt.Println(r.Suspects[1].Reasons[0])
	// Output:
	// cause candidate: example.com/shop/storage.(*Cache).Put
	// grows with it: example.com/tracing.record
	// grows with it: memory grew 2.0-fold and goroutines 2.0-fold, about 128.0 KiB per goroutine
}

// Explain an incident from its files. The process may have been killed before
// it could describe the incident.
func ExampleExplainFolder() {
	dir, err := os.MkdirTemp("", "leakguard-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	folder := filepath.Join(dir, "20261120T101530.000Z-goroutines-7f3a") // a guard makes it
	if err := os.Mkdir(folder, 0o700); err != nil {
		log.Fatal(err)
	}
	f, err := os.Create(filepath.Join(folder, "goroutine.pb.gz"))
	if err != nil {
		log.Fatal(err)
	}
	if err := pprof.Lookup("goroutine").WriteTo(f, 0); err != nil {
		log.Fatal(err)
	}
	if err := f.Close(); err != nil {
		log.Fatal(err)
	}

	r, err := report.ExplainFolder(folder)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Warnings[0])
	// Output:
	// the incident was cut short: the process died before it recorded the reason, the limits and the readings
}

// The first line of a report says who leaks. This report is about two files;
// use [report.ExplainFolder] for the folder of an incident.
func ExampleInputOf() {
	c := &diff.Comparison{Kind: profile.Heap, Unit: profile.UnitBytes, HasBase: true, Suspects: []incident.Suspect{{
		Kind: profile.Heap, Unit: profile.UnitBytes, Value: incident.Change{Before: 0, After: 180 << 20}, Share: 0.98, Confidence: 0.8,
		Frame: profile.Frame{Function: "main.memoryLeak", File: "leaky/main.go", Line: 104, Package: "main"},
	}}}
	r := report.Explain(report.InputOf(c, "old.pb.gz", "new.pb.gz"))
	var text strings.Builder
	if err := r.WriteText(&text); err != nil {
		log.Fatal(err)
	}
	headline, _, _ := strings.Cut(text.String(), "\n")
	fmt.Println(headline)
	fmt.Println(r.Next[0].Line)
	// Output:
	// main.memoryLeak (leaky/main.go:104) holds 180.0 MiB more than before, 98% of the heap growth
	// go tool pprof -top -base old.pb.gz new.pb.gz
}
