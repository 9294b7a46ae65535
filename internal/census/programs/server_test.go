package programs_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/census"
	"github.com/leakguard/leakguard/internal/leakprograms/patterns"
	"github.com/leakguard/leakguard/internal/testenv"
)

// forgotten leaks a goroutine in every fourth round. The census must see it among
// all the healthy ones, or the tests here would prove nothing.
func forgotten(s *patterns.Service) func() {
	return func() {
		if s.Round%4 == 0 {
			reply := make(chan int)
			go forgottenSend(reply, s.Stopped())
		}
	}
}

func forgottenSend(reply chan<- int, stop <-chan struct{}) {
	select {
	case reply <- 1:
	case <-stop: // the test must leave nothing behind
	}
}

// TestHealthyServices runs all fixed leaks and all healthy servers in one process,
// with a round and a census per simulated minute. The census must flag the one leak
// among them, and never anything else.
func TestHealthyServices(t *testing.T) {
	t.Run("five hours", func(t *testing.T) { runService(t, 300) })
	t.Run("two days", func(t *testing.T) {
		testenv.NeedFull(t, "2,880 rounds")
		runService(t, 2*24*60)
	})
}

func runService(t *testing.T, rounds int) {
	const interval = time.Minute
	before := runtime.NumGoroutine()
	s := patterns.NewService(2)
	steps := []func(){forgotten(s)}
	for _, p := range slices.Concat(patterns.Fixed, patterns.Healthy) {
		steps = append(steps, p.Start(s))
	}
	reader, watch := census.NewReader(""), census.NewWatch()
	flagged := make(map[string]bool)
	found := -1
	history := make(map[census.Key][]int64)
	for i := range rounds {
		s.Next()
		for _, step := range steps {
			step()
		}
		time.Sleep(time.Duration(s.Rng.IntN(3)) * time.Millisecond)
		groups, err := reader.Take()
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range groups {
			for len(history[g.Key]) < i {
				history[g.Key] = append(history[g.Key], 0)
			}
			history[g.Key] = append(history[g.Key], g.Count)
		}
		watch.Observe(time.Duration(i)*interval, groups)
		for _, site := range watch.Sites() {
			switch name := fmt.Sprint(site.Key); {
			case site.State < census.Leaking || flagged[name]:
			case strings.HasSuffix(site.Function, ".forgottenSend"):
				if found < 0 {
					found = i
				}
			default:
				flagged[name] = true
				t.Errorf("after %v: %+v is healthy, but flagged; counts so far: %v", time.Duration(i)*interval, site, history[site.Key])
			}
		}
	}
	if found < 0 {
		t.Errorf("a leak of a goroutine each %v was not flagged in %v", 4*interval, time.Duration(rounds)*interval)
	}
	t.Logf("%d patterns, %d sites; the leak was flagged after %v", len(steps)-1, len(history), time.Duration(found)*interval)

	// The fixed programs do not leak and the servers end, so nothing is left.
	s.End()
	for range 500 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines before, %d after:\n%.5000s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
}
