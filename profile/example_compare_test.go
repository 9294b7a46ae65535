package profile_test

import (
	"bytes"
	"fmt"
	"log"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/profile"
)

var sessions [][]byte

//go:noinline
func openSessions(n int) {
	for range n {
		sessions = append(sessions, make([]byte, 4<<20))
	}
}

// takeHeap writes a heap profile and reads it as a tool would that has been
// given the file.
func takeHeap() *pprofile.Profile {
	runtime.GC() // the profile shows the last completed cycle
	var file bytes.Buffer
	if err := pprof.Lookup("heap").WriteTo(&file, 0); err != nil {
		log.Fatal(err)
	}
	p, err := profile.Read(&file)
	if err != nil {
		log.Fatal(err)
	}
	return p
}

// Two heap profiles name the function that holds what was added.
func ExampleCompare() {
	openSessions(4)
	base := takeHeap()
	openSessions(48)
	now := takeHeap()

	c, err := profile.Compare(base, now, profile.CompareConfig{})
	if err != nil {
		log.Fatal(err)
	}
	s := c.Suspects[0]
	fmt.Println(s.Frame.Function[strings.LastIndexByte(s.Frame.Function, '.')+1:], "in", filepath.Base(s.Frame.File))
	fmt.Println("grew by", s.Value.Growth()>>20, "MiB")
	runtime.KeepAlive(sessions)
	sessions = nil
	// Output:
	// openSessions in example_compare_test.go
	// grew by 192 MiB
}

// The errors say what the file is instead.
func ExampleRead() {
	_, err := profile.Read(strings.NewReader("goroutine profile: total 3\n1 @ 0x43a1d6 0x44b9c5\n"))
	fmt.Println(err)
	// Output: profile: parse: this is the text form of a profile; use debug=0
}

func ExampleReadFile() {
	_, err := profile.ReadFile("testdata/manifest.json")
	fmt.Println(err)
	// Output: profile: testdata/manifest.json: parse: not a pprof profile but JSON
}

// Whoever compares near a memory limit asks first what it takes.
func ExamplePredictCompare() {
	headroom := int64(64 << 20)
	base, now := int64(460<<10), int64(480<<10) // sizes of the files
	if need := profile.PredictCompare(base, now); need > headroom/4 {
		fmt.Println("not now: it may allocate", profile.Bytes(need))
	}
	// Output: not now: it may allocate 140.5 MiB
}
