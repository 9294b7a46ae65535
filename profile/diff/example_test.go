package diff_test

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
	"github.com/leakguard/leakguard/profile/diff"
)

var sessions [][]byte

//go:noinline
func openSessions(n int) {
	for range n {
		// The heap profile samples. Only blocks of this size are certain to be in it.
		sessions = append(sessions, make([]byte, 16<<20))
	}
}

// takeHeap writes a heap profile and reads it back, like a tool that gets a
// file.
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

// Compare two heap profiles to find the function that holds the added memory.
func ExampleCompare() {
	openSessions(1)
	base := takeHeap()
	openSessions(12)
	now := takeHeap()

	c, err := diff.Compare(base, now, diff.Config{})
	if err != nil {
		log.Fatal(err)
	}
	s := c.Suspects[0]
	fmt.Println(s.Frame.Function[strings.LastIndexByte(s.Frame.Function, '.')+1:], "in", filepath.Base(s.Frame.File))
	fmt.Println("grew by", s.Value.Growth()>>20, "MiB")
	runtime.KeepAlive(sessions)
	sessions = nil
	// Output:
	// openSessions in example_test.go
	// grew by 192 MiB
}
