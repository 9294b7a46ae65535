package guardtest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leakguard/leakguard/guard/guardtest"
)

// exampleT stands in for the *testing.T that an example does not have.
type exampleT struct {
	name     string
	cleanups []func()
}

func (t *exampleT) Helper()          {}
func (t *exampleT) Name() string     { return t.name }
func (t *exampleT) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

// Errorf prints the beginning of the failure.
func (t *exampleT) Errorf(format string, args ...any) {
	text, _, _ := strings.Cut(fmt.Sprintf(format, args...), ",")
	fmt.Println(text)
}

// end does what the testing package does at the end of a test.
func (t *exampleT) end() {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
}

func ExampleVerifyNone() {
	t := &exampleT{name: "TestFirst"} // in a real test, the test's own *testing.T
	answers := make(chan int)

	guardtest.VerifyNone(t, guardtest.Patience(10*time.Millisecond))
	for i := range 2 {
		go func() { answers <- i }() // nobody receives
	}

	t.end()
	for range 2 {
		<-answers
	}
	// Output: guardtest: TestFirst left 2 goroutines behind
}

func ExampleVerifyNone_parallel() {
	test := func(t *testing.T) {
		t.Parallel()
		guardtest.VerifyNone(t,
			guardtest.Patience(10*time.Second),                         // allow a slow shutdown
			guardtest.IgnoreAny("github.com/acme/shop.(*Cache).sweep"), // lives as long as the process
		)
		// What other tests do meanwhile does not matter.
	}
	_ = test
}

func ExampleMain() {
	// In a package's tests this is func TestMain(m *testing.M).
	testMain := func(m *testing.M) {
		guardtest.Main(m, guardtest.WithGoleak(goleak.IgnoreTopFunction("github.com/acme/shop.(*Cache).sweep")))
	}
	_ = testMain
}

func ExampleKnownDaemons() {
	for _, function := range guardtest.KnownDaemons() {
		if strings.Contains(function, "opencensus") {
			fmt.Println(function)
		}
	}
	// Output: go.opencensus.io/stats/view.(*worker).start
}
