//go:build suite

package suite

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/leakguard/leakguard/guard/guardtest"
)

// With onlyMain no test checks anything itself, but Main does.
var onlyMain = flag.Bool("onlymain", false, "check with guardtest.Main alone")

func TestMain(m *testing.M) {
	flag.Parse()
	if *onlyMain {
		guardtest.Main(m, guardtest.Patience(patience))
	}
	os.Exit(m.Run())
}

// patience is short, for tests that leak.
const patience = 50 * time.Millisecond

func verify(t *testing.T, opts ...guardtest.Option) {
	t.Helper()
	if !*onlyMain {
		guardtest.VerifyNone(t, opts...)
	}
}

// Fifty parallel tests in five parallel groups. All start goroutines, at any depth,
// some of which outlive them a little. One leaks.
func TestParallel0(t *testing.T) { ten(t, 0) }
func TestParallel1(t *testing.T) { ten(t, 1) }
func TestParallel2(t *testing.T) { ten(t, 2) }
func TestParallel3(t *testing.T) { ten(t, 3) }
func TestParallel4(t *testing.T) { ten(t, 4) }

func ten(t *testing.T, tens int) {
	t.Parallel()
	for units := range 10 {
		t.Run(fmt.Sprint(units), func(t *testing.T) {
			t.Parallel()
			if tens == 3 && units == 7 {
				verify(t, guardtest.Patience(patience))
				grandparent()
				return
			}
			verify(t, guardtest.Patience(30*time.Second))
			busy(units)
		})
	}
}

// grandparent leaks a grandchild whose parent has long ended.
func grandparent() {
	var started sync.WaitGroup
	started.Add(1)
	go func() {
		go func() {
			go leak(started.Done)
		}()
	}()
	started.Wait()
}

func leak(started func()) {
	ch := make(chan int)
	started()
	ch <- 1
}

// busy starts goroutines in several ways. All end a moment later.
func busy(seed int) {
	later := make(chan struct{})
	time.AfterFunc(time.Duration(10+seed)*time.Millisecond, func() { close(later) })
	for range 5 {
		go func() { <-later }()
	}
	time.AfterFunc(time.Duration(seed)*time.Millisecond, func() { time.Sleep(5 * time.Millisecond) })
	time.AfterFunc(12*time.Millisecond, func() {
		for range 5 {
			time.Sleep(time.Millisecond)
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Millisecond)
	context.AfterFunc(ctx, cancel)
	go func() {
		defer cancel()
		for ctx.Err() == nil {
			done := make(chan struct{})
			go close(done)
			<-done
			time.Sleep(time.Millisecond)
		}
	}()
	time.Sleep(3 * time.Millisecond)
}

// The parent checks. It waits for its parallel subtests, which may leak.
func TestParent(t *testing.T) {
	t.Parallel()
	verify(t, guardtest.Patience(30*time.Second))
	for i := range 5 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			started := make(chan struct{})
			go func() { close(started); time.Sleep(20 * time.Millisecond) }()
			<-started
		})
	}
}

func TestSerialLeaks(t *testing.T) {
	verify(t, guardtest.Patience(patience))
	grandparent()
}

func TestSerialHealthy(t *testing.T) {
	verify(t)
	started := make(chan struct{})
	go func() { close(started); time.Sleep(20 * time.Millisecond) }()
	<-started
}

// The goroutine's own labels replace the test's. The test runs alone, so it is
// blamed all the same.
func TestLabelsWiped(t *testing.T) {
	verify(t, guardtest.Patience(patience))
	started := make(chan struct{})
	go pprof.Do(context.Background(), pprof.Labels("request", "1"), func(context.Context) {
		go func() { leak(func() { close(started) }) }()
	})
	<-started
}

func TestTimerLeaks(t *testing.T) {
	verify(t, guardtest.Patience(patience))
	started := make(chan struct{})
	time.AfterFunc(time.Microsecond, func() { leak(func() { close(started) }) })
	<-started
}

// In a bubble, goroutines are the bubble's business, and time is simulated.
func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verify(t)
		ended := make(chan struct{})
		go func() { time.Sleep(time.Hour); close(ended) }()
		<-ended
	})
}

// A bubble in a checked test, and a leak outside the bubble.
func TestBubbleWithin(t *testing.T) {
	verify(t, guardtest.Patience(patience))
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		go func() { time.Sleep(time.Hour); close(ended) }()
		<-ended
	})
	grandparent()
}

// goleak misses this: it takes its snapshot after the leak.
func TestGoleakInCleanup(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t, goleak.IgnoreCurrent()) })
	grandparent()
}

// The same mistakes with guardtest. None of these tests leaks: a mistake must be
// reported before it hides a leak.
func TestMisuseInCleanup(t *testing.T) {
	t.Cleanup(func() { verify(t) })
}

func TestMisuseDirectlyInCleanup(t *testing.T) {
	if !*onlyMain {
		t.Cleanup(func() { guardtest.VerifyNone(t) })
	}
}

func TestMisuseDeferred(t *testing.T) {
	if *onlyMain {
		return
	}
	defer guardtest.VerifyNone(t)
}

func TestMisuseInDeferred(t *testing.T) {
	if *onlyMain {
		return
	}
	defer func() {
		guardtest.VerifyNone(t)
	}()
}

func TestMisuseAtTheEnd(t *testing.T) {
	if *onlyMain {
		return
	}
	started := make(chan struct{})
	go func() { close(started) }()
	<-started
	guardtest.VerifyNone(t, guardtest.Patience(patience))
}
