package incident_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/leakguard/leakguard/profile/incident"
)

// Any program can read a folder of incidents, even one whose process was killed
// before it wrote a manifest.
func ExampleOpenStore() {
	dir, err := os.MkdirTemp("", "leakguard-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	folder := filepath.Join(dir, "20261120T101530.000Z-heap-7f3a") // a guard makes it
	if err := os.Mkdir(folder, 0o700); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "heap.pb.gz"), nil, 0o600); err != nil {
		log.Fatal(err)
	}

	store, err := incident.OpenStore(dir)
	if err != nil {
		log.Fatal(err)
	}
	incidents, err := store.Incidents()
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range incidents {
		fmt.Println(m.Opened.Format(time.DateTime), m.Rule, "cut short:", m.CutShort)
		for _, a := range m.Artefacts {
			fmt.Println("  go tool pprof", a.Name)
		}
	}
	// Output:
	// 2026-11-20 10:15:30 heap cut short: true
	//   go tool pprof heap.pb.gz
}

// The name of a file says which kind of profile it is, which moment it shows,
// and which capture of the incident took it.
func ExampleParseFileName() {
	kind, variant, capture, ok := incident.ParseFileName("heap-fresh.2.pb.gz")
	fmt.Println(kind, variant, capture, ok)
	// Output: heap fresh 2 true
}
