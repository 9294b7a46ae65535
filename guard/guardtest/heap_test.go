package guardtest_test

import (
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard/guardtest"
)

// heapText runs NoHeapGrowth as a separate test and returns its failure.
func heapText(t *testing.T, fn func(), opts ...guardtest.Option) string {
	r := &recorder{name: t.Name()}
	guardtest.NoHeapGrowth(r, fn, opts...)
	return r.end()
}

func wantText(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("got:\n%s\nit lacks %q", got, w)
		}
	}
}

func TestNoHeapGrowthRestoresTheRate(t *testing.T) {
	rate := runtime.MemProfileRate
	var k keeper
	during := 0
	text := heapText(t, func() { k.link(); during = runtime.MemProfileRate }, guardtest.Iterations(1<<12))
	wantText(t, text, "keeper).link")
	if during != 1 || runtime.MemProfileRate != rate {
		t.Errorf("the rate of the memory profile was %d at the end and is %d, want 1 and %d", during, runtime.MemProfileRate, rate)
	}
}

// The heap also grows while fn sleeps, so the growth is not fn's.
func TestNoHeapGrowthOfAnotherGoroutine(t *testing.T) {
	var k keeper
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				for range 100 {
					k.link()
				}
			}
		}
	})
	text := heapText(t, func() { time.Sleep(100 * time.Microsecond) }, guardtest.Budget(time.Second))
	close(stop)
	wg.Wait()
	if !strings.Contains(text, "the budget is spent") { // on a machine that pauses now and then
		wantText(t, text, "guardtest: inconclusive: heap grows by", "keeper).link", "without fn: something else")
	}
	wantText(t, text, "guardtest: inconclusive: ")
	t.Logf("\n%s", text)
}

func TestNoHeapGrowthIsInconclusiveInCompany(t *testing.T) {
	other := &recorder{name: "TestOther"}
	guardtest.VerifyNone(other)
	var k keeper
	text := heapText(t, k.link, guardtest.Iterations(1<<12))
	clean := heapText(t, func() {}, guardtest.Iterations(1<<12))
	other.end()
	wantText(t, text, "guardtest: inconclusive: heap grows by 1", "TestOther used guardtest at the same time")
	if clean != "" {
		t.Errorf("what does not grow, whoever else runs, has:\n%s", clean)
	}
}

// Tests that wait for their turn do not count as concurrent.
func TestNoHeapGrowthOneAtATime(t *testing.T) {
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			var k keeper
			text := heapText(t, k.link, guardtest.Iterations(1<<12))
			if !strings.HasPrefix(text, "guardtest: heap grows by 1") {
				t.Errorf("got:\n%s", text)
			}
		})
	}
	wg.Wait()
}

func TestNoHeapGrowthAfterAPanic(t *testing.T) {
	for _, end := range []func(){func() { panic("fn") }, runtime.Goexit} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() { _ = recover() }()
			heapText(t, end)
		}()
		<-done
	}
	var k keeper
	wantText(t, heapText(t, k.link, guardtest.Iterations(1<<12)), "guardtest: heap grows by")
}

func TestNoHeapGrowthRefusesOptions(t *testing.T) {
	for _, c := range []struct {
		opt  guardtest.Option
		want string
	}{
		{guardtest.Tolerance(0), "the option Tolerance: 0 bytes per iteration: want more than 0"},
		{guardtest.Budget(-1), "the option Budget: -1ns: want more than 0"},
		{guardtest.Iterations(10), "the option Iterations: 10: want at least 256"},
		{guardtest.WarmUp(-1), "the option WarmUp: -1: want at least 0"},
		{guardtest.CountDaemons(), "the option CountDaemons applies only to"},
	} {
		ran := false
		wantText(t, heapText(t, func() { ran = true }, c.opt), "guardtest: NoHeapGrowth: "+c.want)
		if ran {
			t.Errorf("fn ran in spite of: %s", c.want)
		}
	}
}

// A cache that is larger than the iterations looks like a leak. With WarmUp it is
// full.
func TestWarmUp(t *testing.T) {
	fill := func() func() {
		c, key := newLRU(5_000), 0
		return func() { key++; c.put(key, make([]byte, 10)) }
	}
	wantText(t, heapText(t, fill(), guardtest.Iterations(1<<12)), "heap grows by", "lru).put", "guardtest.WarmUp(...)")
	if text := heapText(t, fill(), guardtest.Iterations(1<<12), guardtest.WarmUp(12_000)); text != "" {
		t.Errorf("got:\n%s", text)
	}
}

func TestTolerance(t *testing.T) {
	var k keeper
	if text := heapText(t, k.link, guardtest.Iterations(1<<12), guardtest.Tolerance(20)); text != "" {
		t.Errorf("16 B of 20 B are:\n%s", text)
	}
}

// TestSlowFunction allows only a few iterations within the budget.
func TestSlowFunction(t *testing.T) {
	var k keeper
	slowly := func(fn func()) func() { return func() { time.Sleep(20 * time.Millisecond); fn() } }
	wantText(t, heapText(t, slowly(k.load), guardtest.Budget(500*time.Millisecond)), "keeper).load")
}

// TestLeastLeak prints how often leaks of 16 bytes are found, by how many
// iterations keep one object. With GUARDTEST_EVALUATE=1 it runs each 100 times.
func TestLeastLeak(t *testing.T) {
	runs, frequencies := 1, []int{10}
	if os.Getenv("GUARDTEST_EVALUATE") == "1" {
		runs, frequencies = 100, []int{1, 10, 12, 14, 16, 20, 50}
	}
	for _, every := range frequencies {
		found := 0
		for range runs {
			var k keeper
			if heapText(t, func() { garbage(); k.sometimes(every) }, guardtest.Iterations(1<<14)) != "" {
				found++
			}
		}
		t.Logf("16 B in every %d iterations: found in %d of %d runs", every, found, runs)
		if every <= 10 && found < runs {
			t.Errorf("16 B in every %d iterations: found in %d of %d runs", every, found, runs)
		}
	}
}
