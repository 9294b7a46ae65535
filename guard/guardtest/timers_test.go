package guardtest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

var keptTimers struct {
	timer  *time.Timer
	ticker *time.Ticker
	again  *time.Timer
	cancel context.CancelFunc
}

//go:noinline
func keepTimer() { keptTimers.timer = time.NewTimer(time.Hour) }

//go:noinline
func keepTicker() { keptTimers.ticker = time.NewTicker(time.Hour) }

//go:noinline
func runLater() { keptTimers.again = time.AfterFunc(time.Hour, func() {}) }

//go:noinline
func setAgain() {
	var again *time.Timer
	again = time.AfterFunc(time.Hour, func() { again.Reset(time.Hour) })
	keptTimers.again = again
}

//go:noinline
func forgetCancel() {
	_, keptTimers.cancel = context.WithTimeout(context.Background(), time.Hour)
}

func stopTimers() {
	if k := &keptTimers; k.timer != nil {
		k.timer.Stop()
		k.timer = nil
	}
	if k := &keptTimers; k.ticker != nil {
		k.ticker.Stop()
		k.ticker = nil
	}
	if k := &keptTimers; k.again != nil {
		k.again.Stop()
		k.again = nil
	}
	if k := &keptTimers; k.cancel != nil {
		k.cancel()
		k.cancel = nil
	}
}

func TestNoTimerLeakNamesTheLine(t *testing.T) {
	rate := runtime.MemProfileRate
	for _, c := range []struct {
		name string
		make func()
		want string
	}{
		{"timer", keepTimer, "keepTimer"},
		{"ticker", keepTicker, "keepTicker"},
		{"AfterFunc", runLater, "runLater"},
		{"AfterFunc that sets itself again", setAgain, "setAgain"},
		{"context", forgetCancel, "forgetCancel"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := &fakeT{name: t.Name()}
			NoTimerLeak(fake, Patience(0))
			c.make()
			got := fake.end()
			stopTimers()
			want := `^guardtest: a timer created in this test still exists: guardtest\.` + c.want + ` \(timers_test\.go:\d+\)\n`
			if !regexp.MustCompile(want).MatchString(got) {
				t.Errorf("got:\n%s\nwant a match of %s", got, want)
			}
			t.Logf("\n%s", got)
		})
	}
	if runtime.MemProfileRate != rate {
		t.Errorf("the rate of the memory profile is %d, and was %d", runtime.MemProfileRate, rate)
	}
}

func TestNoTimerLeakPasses(t *testing.T) {
	var late sync.WaitGroup
	for _, c := range []struct {
		name string
		make func()
	}{
		{"stopped", func() { time.NewTimer(time.Hour).Stop(); time.AfterFunc(time.Hour, func() {}).Stop() }},
		{"dropped", func() { time.NewTimer(time.Hour); time.NewTicker(time.Hour); <-time.After(time.Microsecond) }},
		{"a thousand at a time", func() {
			var all [1000]*time.Timer
			for i := range all {
				all[i] = time.AfterFunc(time.Hour, func() {})
			}
			for _, t := range all {
				t.Stop()
			}
		}},
		{"cancelled", func() {
			_, cancel := context.WithTimeout(context.Background(), time.Hour)
			cancel()
		}},
		{"fires soon", func() { time.AfterFunc(10*time.Millisecond, func() {}) }},
		{"sleeps", func() { go time.Sleep(time.Millisecond) }},
		{"stopped late", func() {
			again := time.AfterFunc(time.Hour, func() {})
			late.Go(func() { time.Sleep(20 * time.Millisecond); again.Stop() })
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			keepTimer() // existed before
			defer stopTimers()
			fake := &fakeT{name: t.Name()}
			NoTimerLeak(fake, Patience(30*time.Second))
			c.make()
			if got := fake.end(); got != "" {
				t.Errorf("got:\n%s", got)
			}
			late.Wait()
		})
	}
}

func TestNoTimerLeakIsInconclusiveInCompany(t *testing.T) {
	fake, other := &fakeT{name: t.Name()}, &fakeT{name: "TestOther"}
	NoTimerLeak(fake, Patience(0))
	VerifyNone(other)
	keepTimer()
	got := fake.end()
	other.end()
	stopTimers()
	if !strings.HasPrefix(got, "guardtest: inconclusive: a timer") || !strings.Contains(got, "TestOther used guardtest at the same time") {
		t.Errorf("got:\n%s", got)
	}
}

// An idle connection has a timer that closes it.
func TestNoTimerLeakOfIdleConnections(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }))
	defer server.Close()
	fake := &fakeT{name: t.Name()}
	NoTimerLeak(fake, Patience(30*time.Second))
	fetch(t, server.URL)
	if got := fake.end(); got != "" {
		t.Errorf("got:\n%s", got)
	}
}
