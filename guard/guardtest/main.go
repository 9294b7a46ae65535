package guardtest

import (
	"fmt"
	"io"
	"os"
	"runtime"

	"go.uber.org/goleak"
)

// Main runs the tests of a package and exits, with a code that is not 0 where
// goroutines are left. Call it in TestMain.
func Main(m TestingM, opts ...Option) {
	os.Exit(runMain(m, os.Stderr, opts...))
}

func runMain(m TestingM, stderr io.Writer, opts ...Option) int {
	o, err := buildOptions(forMain, opts)
	if err != nil {
		fmt.Fprintf(stderr, "guardtest: %v\n", err)
		return 2
	}
	if o.fullMemProfile {
		runtime.MemProfileRate = 1
	}
	code := m.Run()
	if code != 0 {
		return code
	}
	if err := goleak.Find(o.goleak...); err != nil {
		fmt.Fprintf(stderr, "guardtest: %v\n", err)
		return 1
	}
	return 0
}
