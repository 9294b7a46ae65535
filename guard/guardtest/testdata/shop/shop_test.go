package shop

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime/pprof"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/leakguard/leakguard/guard/guardtest"
)

const (
	// short is for tests that leak, which have nothing to wait for.
	short = 50 * time.Millisecond
	// long is for tests that do not leak, on however slow a machine.
	long = 30 * time.Second
)

func TestMain(m *testing.M) {
	opts := []guardtest.Option{guardtest.Patience(short)}
	switch os.Getenv("SHOP_MAIN") {
	case "none":
		os.Exit(m.Run())
	case "healthy":
		opts = []guardtest.Option{guardtest.Patience(long)}
	case "goleak ignores":
		opts = append(opts, guardtest.WithGoleak(goleak.IgnoreTopFunction("github.com/leakguard/leakguard/guard/guardtest/testdata/shop.wait")))
	case "ignores":
		opts = append(opts, guardtest.IgnoreAny("github.com/leakguard/leakguard/guard/guardtest/testdata/shop.wait"))
	case "cleanup":
		opts = append(opts, guardtest.WithGoleak(goleak.IgnoreCurrent(), goleak.Cleanup(func(int) {})))
	case "before":
		Leak(0)
	case "profile":
		opts = append(opts, guardtest.FullMemProfile())
	}
	guardtest.Main(m, opts...)
}

func quick(t *testing.T)   { t.Helper(); guardtest.VerifyNone(t, guardtest.Patience(short)) }
func patient(t *testing.T) { t.Helper(); guardtest.VerifyNone(t, guardtest.Patience(long)) }

// Tests that leak, each in its own way.

func TestLeakSerial(t *testing.T) {
	quick(t)
	Leak(3)
}

// TestLeakParallel runs many tests at the same time, a third of which leak.
func TestLeakParallel(t *testing.T) {
	all := make(chan int, 30)
	for i := range cap(all) {
		t.Run(string(rune('A'+i)), func(t *testing.T) {
			t.Parallel()
			guardtest.VerifyNone(t, guardtest.Patience(time.Second))
			worker := NewWorker()
			if i%3 == 0 {
				Leak(i % 4)
				Leak(i % 4)
			}
			for all <- 1; len(all) < cap(all); {
				time.Sleep(time.Millisecond) // lets all begin before one ends
			}
			worker.Stop()
		})
	}
}

func TestLeakThenParallel(t *testing.T) {
	guardtest.VerifyNone(t, guardtest.Patience(short))
	Leak(0)
	t.Parallel()
	Leak(0)
}

func TestLeakOfSubtest(t *testing.T) {
	quick(t)
	t.Run("leaks", func(t *testing.T) {
		quick(t)
		Leak(1)
	})
	t.Run("healthy", func(t *testing.T) { patient(t) })
}

func TestLeakOfPlainSubtest(t *testing.T) {
	quick(t)
	t.Run("leaks", func(t *testing.T) {
		t.Parallel()
		Leak(1)
	})
}

func TestLeakThenFatal(t *testing.T) {
	quick(t)
	Leak(0)
	t.Fatal("fatal")
}

func TestLeakThenPanic(t *testing.T) {
	quick(t)
	Leak(0)
	panic("panics")
}

func TestLeakWithoutLabel(t *testing.T) {
	quick(t)
	wiped()
	Leak(0)
}

// wiped removes the labels from the test's goroutine, as code under test may do.
func wiped() { pprof.Do(context.Background(), pprof.Labels("k", "v"), func(context.Context) {}) }

// TestLeakTwiceWithoutLabel leaks in a subtest. No other test may report that leak.
func TestLeakTwiceWithoutLabel(t *testing.T) {
	quick(t)
	t.Run("leaks", func(t *testing.T) {
		quick(t)
		wiped()
		Leak(0)
	})
}

func TestLeakByTimer(t *testing.T) {
	quick(t)
	begun := make(chan int)
	time.AfterFunc(1, func() { close(begun); <-until })
	<-begun
}

// TestUnlabelledParallel leaks without a label while others run. It must not be
// blamed, except for function literals of its own.
func TestUnlabelledParallel(t *testing.T) {
	for _, name := range []string{"one", "two"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			quick(t)
			wiped()
			Leak(0)
			time.Sleep(2 * short)
		})
	}
}

// TestUnlabelledBesidePlain does the same beside tests that do not use guardtest.
func TestUnlabelledBesidePlain(t *testing.T) {
	begun, leaked, done := make(chan int), make(chan int), make(chan int)
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		<-begun
		wiped()
		LeakDeep(1)
		close(leaked)
		<-done
	})
	t.Run("verified", func(t *testing.T) {
		t.Parallel()
		t.Cleanup(func() { close(done) })
		quick(t)
		close(begun)
		<-leaked
		Leak(0)
	})
}

func TestInsideParallel1(t *testing.T) {
	t.Parallel()
	guardtest.VerifyNone(t, guardtest.Patience(short))
	wiped()
	go func() { <-until }()
	time.Sleep(2 * short)
}

func TestInsideParallel2(t *testing.T) {
	t.Parallel()
	guardtest.VerifyNone(t, guardtest.Patience(long))
	time.Sleep(2 * short)
}

func TestLeakPlain(t *testing.T)      { Leak(2); Leak(2) }
func TestLeakPlainOther(t *testing.T) { Leak(2) }
func TestLeakDeep(t *testing.T)       { LeakDeep(200) }

// TestLeakInSubtests leaks in subtests that do not call VerifyNone.
func TestLeakInSubtests(t *testing.T) {
	t.Run("healthy", func(t *testing.T) { NewWorker().Stop() })
	t.Run("by helper", func(t *testing.T) { leakHelper() })
	for _, name := range []string{"one", "two"} {
		t.Run("direct", func(t *testing.T) {
			t.Run(name, func(t *testing.T) {
				begun := make(chan int)
				go func() { close(begun); <-until }()
				<-begun
			})
		})
	}
}

func leakHelper() { LeakDeep(1) }

// TestLeakInEither leaks in the same way in two subtests.
func TestLeakInEither(t *testing.T) {
	t.Run("a", func(t *testing.T) { LeakDeep(2) })
	t.Run("b", func(t *testing.T) { LeakDeep(2) })
}

func TestLeakDirect(t *testing.T) {
	begun := make(chan int)
	go func() { close(begun); <-until }()
	<-begun
}

func BenchmarkLeak(b *testing.B) {
	Leak(0)
	for b.Loop() {
	}
}

func ExampleLeak() {
	Leak(0)
	// Output:
}

func FuzzLeak(f *testing.F) {
	f.Add(1)
	f.Fuzz(func(t *testing.T, _ int) { Leak(0) })
}

// Misuse.

func TestMisuseDefer(t *testing.T) {
	defer guardtest.VerifyNone(t)
	Leak(0)
}

func TestMisuseDeferWithReturn(t *testing.T) {
	defer guardtest.VerifyNone(t)
	if Leak(0); len(t.Name()) > 3 {
		return
	}
	Leak(0)
}

func TestMisuseDeferOneLine(t *testing.T) { defer guardtest.VerifyNone(t); Leak(0) }

func TestMisuseDeferThenFatal(t *testing.T) {
	defer guardtest.VerifyNone(t)
	t.FailNow()
}

func TestMisuseDeferredHelper(t *testing.T) {
	defer quick(t)
	Leak(0)
}

func TestMisuseCleanup(t *testing.T) {
	t.Cleanup(func() { guardtest.VerifyNone(t) })
	Leak(0)
}

func TestMisuseTwice(t *testing.T) {
	guardtest.VerifyNone(t)
	guardtest.VerifyNone(t)
	NewWorker().Stop()
}

func TestMisuseGoroutine(t *testing.T) {
	done := make(chan int)
	go func() {
		defer close(done)
		guardtest.VerifyNone(t)
		t.Log()
	}()
	<-done
}

func TestMisuseOption(t *testing.T) {
	guardtest.VerifyNone(t, guardtest.FullMemProfile())
}

// Tests without a leak.

func TestHealthySlowEnd(t *testing.T) {
	patient(t)
	go func() { time.Sleep(5 * short) }()
}

func TestHealthyCleanup(t *testing.T) {
	patient(t)
	worker := NewWorker()
	t.Cleanup(worker.Stop)
}

func TestHealthySkip(t *testing.T) {
	patient(t)
	t.Skip()
}

func TestHealthyParallel(t *testing.T) {
	patient(t)
	t.Parallel()
	worker := NewWorker()
	defer worker.Stop()
	for range 20 {
		t.Run("sub", func(t *testing.T) {
			t.Parallel()
			patient(t)
			worker := NewWorker()
			t.Cleanup(worker.Stop)
		})
	}
}

func TestHealthyPlainParallel(t *testing.T) {
	t.Parallel()
	worker := NewWorker()
	time.Sleep(short)
	worker.Stop()
}

func TestHealthyKeepAlive(t *testing.T) {
	patient(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }))
	// The server leaves its idle connections to their clients.
	t.Cleanup(func() { server.Listener.Close() })
	resp, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

func TestHealthyBubble(t *testing.T) {
	patient(t)
	synctest.Test(t, func(t *testing.T) {
		guardtest.VerifyNone(t)
		done := make(chan int)
		go func() {
			time.Sleep(time.Hour)
			close(done)
		}()
		t.Cleanup(func() { <-done })
		time.Sleep(time.Minute)
	})
}

func TestHealthyHelperOnOneLine(t *testing.T) { patient(t); NewWorker().Stop() }

func TestHealthyFuncLiteral(t *testing.T) {
	func() {
		guardtest.VerifyNone(t, guardtest.Patience(long))
	}()
	worker := NewWorker()
	defer func() {
		worker.Stop()
	}()
}

func BenchmarkHealthy(b *testing.B) {
	guardtest.VerifyNone(b, guardtest.Patience(long))
	for b.Loop() {
		NewWorker().Stop()
	}
}

func FuzzHealthy(f *testing.F) {
	guardtest.VerifyNone(f, guardtest.Patience(long))
	f.Add(1)
	f.Fuzz(func(t *testing.T, _ int) {
		guardtest.VerifyNone(t, guardtest.Patience(long))
		NewWorker().Stop()
	})
}

func TestProfileRate(t *testing.T) {
	t.Logf("rate %d", profileRate())
}
