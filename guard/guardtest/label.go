package guardtest

import (
	"context"
	"fmt"
	"math"
	"runtime/pprof"
	"strconv"
)

// labelKey is the pprof label that says which test started a goroutine. Its
// values are 'TestServe/slow#12': the number tells the runs of -count apart.
const labelKey = "guardtest"

func labelOf(test string, number int) string { return fmt.Sprintf("%s#%d", test, number) }

// setLabel labels the calling goroutine, and so all that it starts from now on.
// Labels that it has are lost: the runtime lets nobody read them.
func setLabel(test string, number int) {
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels(labelKey, labelOf(test, number))))
}

// testName is the test of a label.
func testName(label string) string {
	name, _, _ := cutLast(label, "#")
	return name
}

// testNumber is the number of a label.
func testNumber(label string) int {
	_, number, _ := cutLast(label, "#")
	n, err := strconv.Atoi(number)
	if err != nil {
		return math.MaxInt // nobody's of ours
	}
	return n
}
