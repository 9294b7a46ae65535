package guardtest

import (
	"context"
	"io"
	"os"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestOptionsThatCannotBeUsed(t *testing.T) {
	for want, o := range map[string]Option{
		"VerifyNone: an empty Option":                               {},
		"VerifyNone: the option Patience: -1ns: want at least 0":    Patience(-1),
		"VerifyNone: the option WithGoleak applies only to Main":    WithGoleak(),
		"VerifyNone: the option IgnoreTop: the name is empty":       IgnoreTop(""),
		"VerifyNone: the option IgnoreCreatedBy: the name is empty": IgnoreCreatedBy(""),
	} {
		if _, err := buildOptions(forVerifyNone, []Option{CountDaemons(), o}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := refuseGoleakCleanup([]goleak.Option{nil}); err == nil {
		t.Error("an option of goleak's that is nil passes")
	}
	if err := refuseGoleakCleanup([]goleak.Option{goleak.IgnoreCurrent(), goleak.IgnoreTopFunction("x")}); err != nil {
		t.Error(err)
	}
	if err := refuseGoleakCleanup([]goleak.Option{goleak.IgnoreTopFunction("x"), goleak.Cleanup(func(int) { t.Error("it is called") })}); err == nil {
		t.Error("goleak.Cleanup passes")
	}
}

func waitHere(ready chan<- int, until <-chan int) {
	ready <- 1
	<-until
}

func flushDaemon(ready chan<- int, until <-chan int) { new(pool[string]).sweep(ready, until) }

type pool[T any] struct{ _ []T }

//go:noinline
func (p *pool[T]) sweep(ready chan<- int, until <-chan int) { waitHere(ready, until) }

const here = "github.com/leakguard/leakguard/guard/guardtest"

func TestIgnore(t *testing.T) {
	VerifyNone(t)
	for name, tt := range map[string]struct {
		opts []Option
		left bool
	}{
		"nothing":               {nil, true},
		"top":                   {[]Option{IgnoreTop(here + ".waitHere")}, false},
		"any as top":            {[]Option{IgnoreTop(here + ".flushDaemon")}, true},
		"any":                   {[]Option{IgnoreAny(here + ".flushDaemon")}, false},
		"generic, traces' name": {[]Option{IgnoreAny(here + ".(*pool[...]).sweep")}, false},
		"generic, on top":       {[]Option{IgnoreTop(here + ".(*pool[...]).sweep")}, true},
		"another":               {[]Option{IgnoreAny(here + ".flushDaemo")}, true},
		"created by":            {[]Option{IgnoreCreatedBy(here)}, false},
		"created by another":    {[]Option{IgnoreCreatedBy("testing")}, true},
		"label":                 {[]Option{IgnoreLabel("daemon", "yes")}, false},
		"label of other value":  {[]Option{IgnoreLabel("daemon", "no")}, true},
		"patience of none":      {[]Option{Patience(0)}, true},
		"one of several counts": {[]Option{IgnoreTop("x"), IgnoreAny(here + ".flushDaemon"), IgnoreLabel("x", "y")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			ready, until := make(chan int), make(chan int)
			fake := &fakeT{name: t.Name()}
			apart(func() {
				VerifyNone(fake, append([]Option{Patience(20 * time.Millisecond)}, tt.opts...)...)
				label := pprof.Labels(labelKey, labelOf(fake.name, tests.last), "daemon", "yes")
				pprof.Do(context.Background(), label, func(context.Context) { go flushDaemon(ready, until) })
				<-ready
				if got := fake.end(); (got != "") != tt.left {
					t.Errorf("left: %v, want %v: %s", got != "", tt.left, got)
				}
			})
			close(until)
		})
	}
}

// apart runs f on a separate goroutine, whose labels it may change.
func apart(f func()) {
	done := make(chan int)
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

func TestKnownDaemons(t *testing.T) {
	defer func(was []string) { knownDaemons = was }(knownDaemons)
	knownDaemons = append(KnownDaemons(), here+".flushDaemon")
	for _, count := range []bool{false, true} {
		fake := &fakeT{name: t.Name()}
		opts := []Option{Patience(0)}
		if count {
			opts = append(opts, CountDaemons())
		}
		ready, until := make(chan int), make(chan int)
		apart(func() {
			VerifyNone(fake, opts...)
			go flushDaemon(ready, until)
			<-ready
			if got := fake.end(); (got != "") != count {
				t.Errorf("counted: %v, want %v: %s", got != "", count, got)
			}
		})
		close(until)
	}
}

// bareM is a TestingM other than the testing package's.
type bareM func() int

func (m bareM) Run() int { return m() }

func TestMainOfAnotherM(t *testing.T) {
	VerifyNone(t)
	var r registry
	var out strings.Builder
	ready, until := make(chan int), make(chan int)
	if code := runMain(bareM(func() int { return 3 }), io.Discard, &r); code != 3 {
		t.Errorf("code %d, want that of the tests, 3", code)
	}
	code := runMain(bareM(func() int {
		apart(func() { go flushDaemon(ready, until) })
		<-ready
		return 0
	}), &out, &r, Patience(0))
	if want := "test     TestMainOfAnotherM\n"; code != 1 || !strings.Contains(out.String(), want) {
		t.Errorf("code %d, want 1 and %q in\n%s", code, want, &out)
	}
	close(until)
	if code := runMain(bareM(func() int { return 0 }), os.Stderr, &r, Patience(30*time.Second)); code != 0 {
		t.Errorf("code %d, want 0", code)
	}
	fake := &fakeT{name: "TestLate"}
	a := r.enter(fake)
	if err := a.check("f"); err == nil || !strings.Contains(err.Error(), "after Main has counted") {
		t.Errorf("a call after Main: %v", err)
	}
}

func TestCompany(t *testing.T) {
	var r registry
	enter := func(name string) *activity { return r.enter(&fakeT{name: name}) }
	parent := enter("TestA")
	child := enter("TestA/b")
	if parent.concurrent() != "" || child.concurrent() != "" {
		t.Error("a subtest disturbs its test")
	}
	sibling := enter("TestA/c")
	if child.concurrent() != "TestA/c" || sibling.concurrent() != "TestA/b" || parent.concurrent() != "" {
		t.Error("two subtests do not disturb each other")
	}
	child.leave()
	child.leave()
	sibling.leave()
	other := enter("TestAB")
	if parent.concurrent() != "TestAB" || other.concurrent() != "TestA" {
		t.Error("two tests do not disturb each other")
	}
	parent.leave()
	other.leave()
	if alone := enter("TestAlone"); alone.concurrent() != "" {
		t.Error("those that have left disturb")
	}
	if again := enter("TestAlone"); again.concurrent() == "" {
		t.Error("another test of the same name does not disturb")
	}
}
