package guardtest

import (
	"context"
	"fmt"
	"math"
	"runtime/pprof"
	"strconv"
)

// labelKey is the pprof label that records which test started a goroutine. Its
// values look like 'TestServe/slow#12'. The number distinguishes the runs of
// -count.
const labelKey = "guardtest"

func labelOf(test string, number int) string { return fmt.Sprintf("%s#%d", test, number) }

// setLabel labels the calling goroutine, and with it all that it starts from now
// on. It replaces existing labels, because the runtime does not let them be read.
func setLabel(test string, number int) {
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels(labelKey, labelOf(test, number))))
}

// testName returns the test of a label.
func testName(label string) string {
	name, _, _ := cutLast(label, "#")
	return name
}

// testNumber returns the number of a label.
func testNumber(label string) int {
	_, number, _ := cutLast(label, "#")
	n, err := strconv.Atoi(number)
	if err != nil {
		return math.MaxInt // not a label of ours
	}
	return n
}
