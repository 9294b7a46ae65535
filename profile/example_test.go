package profile_test

import (
	"bytes"
	"fmt"
	"log"
	"strings"

	"github.com/leakguard/leakguard/profile"
)

// A captured profile is compressed, like the files that go tool pprof reads,
// and can be read back.
func ExampleCapture() {
	var file bytes.Buffer
	if err := profile.Capture(&file, profile.Goroutine); err != nil {
		log.Fatal(err)
	}
	p, err := profile.Read(&file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.SampleType[0].Type, len(p.Sample) > 0)
	// Output: goroutine true
}

// An error says what the file is instead.
func ExampleRead() {
	_, err := profile.Read(strings.NewReader("goroutine profile: total 3\n1 @ 0x43a1d6 0x44b9c5\n"))
	fmt.Println(err)
	// Output: profile: parse: this is a profile in text form: fetch it again with debug=0
}

func ExampleReadFile() {
	_, err := profile.ReadFile("example_test.go")
	fmt.Println(err)
	// Output: profile: example_test.go: parse: not a pprof profile but text
}
