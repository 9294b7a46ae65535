package guardtest

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/leakguard/leakguard/internal/frames"
)

// Who adopts the package in a large suite meets one leak in many tests. It is one place to
// mend, and the tests are the list of what to do.
func TestReportGroupsByPlace(t *testing.T) {
	var leaks []leak
	for i := range 100 {
		l := many(1)[0]
		l.test, l.creator.test = labelOf(fmt.Sprintf("TestShop%02d", i), 1), ""
		leaks = append(leaks, l)
	}
	r := report{title: "the tests pass", leaks: byPlace(leaks), byTest: true}.String()
	for _, want := range []string{"100 goroutines wait in chan receive", "tests    100: TestShop00, TestShop01, ", "TestShop59 and 40 more\n"} {
		if !strings.Contains(r, want) {
			t.Errorf("want %q in\n%s", want, r)
		}
	}
	if strings.Contains(r, "other places") {
		t.Errorf("one place is told as several:\n%s", r)
	}
}

// cache stops its janitor by a finalizer, as go-cache does.
type cache struct{ stop chan int }

func newCache() *cache {
	c := &cache{make(chan int)}
	go func(stop chan int) { <-stop }(c.stop)
	runtime.SetFinalizer(c, func(c *cache) { close(c.stop) })
	return c
}

// The verdict must not depend on whether a collection happened to run.
func TestFinalizersGetTheirChance(t *testing.T) {
	fake := &fakeT{name: t.Name()}
	apart(func() {
		VerifyNone(fake)
		_ = newCache()
		if got := fake.end(); got != "" {
			t.Errorf("its finalizer stops it: %s", got)
		}
	})
	fake = &fakeT{name: t.Name()}
	apart(func() {
		VerifyNone(fake)
		c := newCache()
		if got := fake.end(); !strings.Contains(got, "left 1 goroutine") {
			t.Errorf("it is still in use: %q", got)
		}
		runtime.KeepAlive(c)
	})
}

func TestStartersAreLookedThrough(t *testing.T) {
	fake := &fakeT{name: t.Name()}
	until := make(chan int)
	var all sync.WaitGroup
	apart(func() {
		VerifyNone(fake, Patience(0))
		all.Go(func() { <-until })
		got := fake.end()
		if strings.Contains(got, "WaitGroup") || !strings.Contains(got, "TestStartersAreLookedThrough.func1.1") {
			t.Errorf("where it was started is hidden:\n%s", got)
		}
	})
	close(until)
	all.Wait()
}

func TestCauseInALibrary(t *testing.T) {
	const module = "/go/pkg/mod/github.com/robfig/cron/v3@v3.0.1/cron.go"
	run := frames.Frame{Function: "github.com/robfig/cron/v3.(*Cron).run", File: module, Line: 260}
	stack := []frames.Frame{{Function: "runtime.gopark"}, {Function: "runtime.selectgo"}, run}
	g := &group{count: 1, root: run.Function, frames: func() []frames.Frame { return stack }}
	for creator, want := range map[string]string{
		"github.com/robfig/cron/v3.(*Cron).Start": "started by github.com/robfig/cron/v3.(*Cron).Start: close, stop or shut down",
		"": "a goroutine of package github.com/robfig/cron/v3: close, stop or shut down what the package gave you",
	} {
		g.creator.function = creator
		if got := g.likelyCause(); !strings.Contains(got, want) || strings.Contains(got, "select") {
			t.Errorf("created by %q: %q, want %q", creator, got, want)
		}
	}
	// A callback of the user's is the user's to mend.
	stack = append([]frames.Frame{{Function: "runtime.gopark"}, {Function: "runtime.selectgo"}, {Function: "main.job", File: "/src/main.go", Line: 3}}, run)
	if got := g.likelyCause(); strings.Contains(got, "package") {
		t.Errorf("blocked in the user's function: %q", got)
	}
}

func TestPlaceOfWhatHasNotRun(t *testing.T) {
	l := leak{siteKey: siteKey{wait: frames.Running}, count: 1, creator: creator{function: "shop.Start", at: "report_test.go:12"}}
	if r := (report{leaks: []leak{l}}).String(); strings.Contains(r, "unknown place") || !strings.Contains(r, "by shop.Start") {
		t.Errorf("its creator is known:\n%s", r)
	}
}

// What no label says is told in whole sentences, of one goroutine and of several.
func TestUnlabelledText(t *testing.T) {
	for _, tt := range []struct {
		m, n int
		want string
	}{{1, 1, "The goroutine has"}, {1, 2, "One of the goroutines has"}, {2, 2, "The goroutines have"}, {2, 3, "2 of the goroutines have"}} {
		if got := some(tt.m, tt.n); got != tt.want {
			t.Errorf("%d of %d: %q, want %q", tt.m, tt.n, got, tt.want)
		}
	}
	stack := func() []frames.Frame { return []frames.Frame{{Function: "shop.wait", File: "shop.go", Line: 1}} }
	for count, want := range map[int]string{
		1: "but 1 goroutine is left behind, still there when the last of them ended\n",
		2: "but 2 goroutines are left behind, still there when the last of them ended\n",
	} {
		said := (found{groups: []*group{{count: count, frames: stack}}}).ofPackage(nil).String()
		unattributed := "\n  " + isIn(count) + " unattributed: started by a timer, a finalizer or code that sets its own labels while several tests ran."
		if !strings.Contains(said, want) || !strings.HasSuffix(said, unattributed) {
			t.Errorf("want %q and %q in\n%s", want, unattributed, said)
		}
	}
}
