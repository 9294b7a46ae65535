package profile_test

import (
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// An incident is a folder; its manifest comes last.
func ExampleOpenStore() {
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

	opened := time.Date(2026, 11, 20, 10, 15, 30, 0, time.UTC)
	folder, err := store.Create(opened, "goroutines")
	if err != nil {
		log.Fatal(err)
	}
	defer folder.Close()
	artefact, err := folder.Write(profile.FileName(profile.Goroutine, profile.AtCrossing, 1), func(w io.Writer) error {
		return pprof.Lookup("goroutine").WriteTo(w, 0)
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := folder.Sync(); err != nil {
		log.Fatal(err)
	}
	if err := folder.WriteManifest(profile.Manifest{Rule: "goroutines", Opened: opened, Reason: "12,345 goroutines"}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(folder.ID()[:len("20261120T101530.000Z-goroutines-")], artefact.Name, artefact.Size > 0)
	// Output: 20261120T101530.000Z-goroutines- goroutine.pb.gz true
}

// What an earlier run has left, also that of a process that was killed before
// it could write a manifest.
func ExampleStore_Incidents() {
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
	folder, err := store.Create(time.Date(2026, 11, 20, 10, 15, 30, 0, time.UTC), "heap")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := folder.Write("heap.pb.gz", func(w io.Writer) error { return pprof.WriteHeapProfile(w) }); err != nil {
		log.Fatal(err)
	}
	folder.Close() // and here the kernel kills the process

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
