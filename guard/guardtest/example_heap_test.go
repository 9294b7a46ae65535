package guardtest_test

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/leakguard/leakguard/guard/guardtest"
)

// printing is a test that prints the first line of its failure. A test of yours
// passes its own t.
type printing struct{ recorder }

func (p *printing) Errorf(format string, args ...any) {
	first, _, _ := strings.Cut(fmt.Sprintf(format, args...), "\n")
	fmt.Println(first)
}

var sessions = make(map[int]string)

//go:noinline
func serve(id int) { sessions[id] = strings.Repeat("x", 128) }

func ExampleNoHeapGrowth() {
	t := &printing{recorder{name: "TestServe"}}

	id := 0
	guardtest.NoHeapGrowth(t, func() {
		id++
		serve(id)
		delete(sessions, id)
	})
	fmt.Println("a session that ends keeps nothing")

	type session struct{ next *session }
	var all *session
	guardtest.NoHeapGrowth(t, func() { all = &session{all} }, guardtest.Iterations(10_000), guardtest.Tolerance(100))
	fmt.Println("nor does it much within a tolerance of 100 bytes")
	// Output:
	// a session that ends keeps nothing
	// nor does it much within a tolerance of 100 bytes
}

func ExampleNoHeapGrowth_leak() {
	t := &printing{recorder{name: "TestServe"}}

	var buffers [][]byte
	guardtest.NoHeapGrowth(t, func() {
		buffers = append(buffers, make([]byte, 1<<20))
	}, guardtest.Iterations(256))
	// Output:
	// guardtest: heap grows by 1.0 MiB and 1 object per iteration: guardtest_test.ExampleNoHeapGrowth_leak.func1 (example_heap_test.go:51)
}

func ExampleWarmUp() {
	t := &printing{recorder{name: "TestCache"}}
	cache, key := newLRU(5_000), 0
	guardtest.NoHeapGrowth(t, func() {
		key++
		cache.put(key, make([]byte, 100))
	}, guardtest.WarmUp(10_000), guardtest.Budget(time.Minute))
	fmt.Println("a cache that is full does not grow")
	// Output: a cache that is full does not grow
}

func ExampleNoDescriptorLeak() {
	t := &printing{recorder{name: "TestLoad"}}
	guardtest.NoDescriptorLeak(t) // at the top of the test

	f, err := os.Open(os.DevNull)
	if err == nil {
		f.Close()
	}

	t.end() // the test framework does this
	fmt.Println("nothing is open")
	// Output: nothing is open
}

func ExampleNoTimerLeak() {
	t := &printing{recorder{name: "TestRetry"}}
	guardtest.NoTimerLeak(t, guardtest.Patience(0)) // at the top of the test

	retry := time.AfterFunc(time.Hour, func() {})

	t.end() // the test framework does this
	retry.Stop()
	// Output:
	// guardtest: a timer created in this test still exists: guardtest_test.ExampleNoTimerLeak (example_heap_test.go:86)
}
