package profile_test

import (
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// Two comparisons and what is known about the incident make a report. Here
// goroutines leak, and the memory of another package grows with them.
func ExampleExplain() {
	put := profile.Frame{Function: "example.com/shop/storage.(*Cache).Put", File: "/src/shop/storage/storage.go", Line: 85, Package: "example.com/shop/storage", Module: "example.com/shop"}
	record := profile.Frame{Function: "example.com/tracing.record", File: "/src/tracing/record.go", Line: 40, Package: "example.com/tracing", Module: "example.com/tracing"}
	report := profile.Explain(profile.Evidence{
		Heap: &profile.Comparison{Kind: profile.Heap, Unit: profile.UnitBytes, HasBase: true, Suspects: []profile.Suspect{{
			Kind: profile.Heap, Frame: record, Value: profile.Change{Before: 100 << 20, After: 200 << 20}, Unit: profile.UnitBytes, Share: 0.95, Confidence: 0.8,
		}}},
		Goroutine: &profile.Comparison{Kind: profile.Goroutine, Unit: profile.UnitCount, HasBase: true, Suspects: []profile.Suspect{{
			Kind: profile.Goroutine, Frame: put, Wait: "chan receive", Value: profile.Change{Before: 800, After: 1600}, Unit: profile.UnitCount, Share: 0.99,
			Standing: 40 * time.Minute, Confidence: 0.85,
		}}},
	})
	for _, s := range report.Suspects {
		fmt.Printf("%s: %s\n", s.Role, s.Frame.Function)
	}
	fmt.Println(report.Suspects[1].Evidence[0])
	// Output:
	// cause candidate: example.com/shop/storage.(*Cache).Put
	// grows with it: example.com/tracing.record
	// grows with it: 2.0 times as much memory where there are 2.0 times as many goroutines, about 128.0 KiB per goroutine
}

// An incident is explained from what is on disk, also that of a process that is
// long dead, and the report is put beside its evidence.
func ExampleStore_Explain() {
	dir, err := os.MkdirTemp("", "leakguard-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	store, err := profile.OpenStore(profile.StoreConfig{Dir: filepath.Join(dir, "evidence")})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	folder, err := store.Create(time.Date(2026, 11, 20, 10, 15, 30, 0, time.UTC), "goroutines")
	if err != nil {
		log.Fatal(err)
	}
	defer folder.Close()
	if _, err := folder.Write("goroutine.pb.gz", func(w io.Writer) error { return pprof.Lookup("goroutine").WriteTo(w, 0) }); err != nil {
		log.Fatal(err)
	}

	report, err := store.Explain(folder.ID())
	if err != nil {
		log.Fatal(err)
	}
	if err := folder.WriteReport(report); err != nil {
		log.Fatal(err)
	}
	for _, a := range folder.Artefacts() {
		fmt.Println(a.Name)
	}
	fmt.Println(report.Warnings[0])
	// Output:
	// goroutine.pb.gz
	// report.html
	// report.md
	// report.txt
	// the incident was cut short: the process died before it wrote why it opened, its limits and its readings
}

// The first line of a report says who leaks. Here two files are compared, as
// [profile.Compare] has them; an incident's folder is read by [profile.ExplainFolder].
func ExampleEvidenceOf() {
	c := &profile.Comparison{Kind: profile.Heap, Unit: profile.UnitBytes, HasBase: true, Suspects: []profile.Suspect{{
		Kind: profile.Heap, Unit: profile.UnitBytes, Value: profile.Change{Before: 0, After: 180 << 20}, Share: 0.98, Confidence: 0.8,
		Frame: profile.Frame{Function: "main.memoryLeak", File: "leaky/main.go", Line: 104, Package: "main"},
	}}}
	report := profile.Explain(profile.EvidenceOf(c, "old.pb.gz", "new.pb.gz"))
	var text strings.Builder
	if err := report.WriteText(&text); err != nil {
		log.Fatal(err)
	}
	headline, _, _ := strings.Cut(text.String(), "\n")
	fmt.Println(headline)
	fmt.Println(report.Next[0].Line)
	// Output:
	// main.memoryLeak (leaky/main.go:104) holds 180.0 MiB more than before: 98% of what the heap grew
	// go tool pprof -top -base old.pb.gz new.pb.gz
}
