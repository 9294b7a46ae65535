package programs_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/census"
)

// service is what runs in the process that a census is taken of. Its time goes in
// rounds: what a request or session waits for from outside comes some rounds
// later, so that censuses find goroutines of all of them under way.
type service struct {
	rng   *rand.Rand
	round int
	due   map[int]chan struct{} // closed when that round begins
	stop  chan struct{}         // closed when the service ends
	ended []func()
}

// later returns a channel that is closed when so many rounds have passed, or the
// service stops.
func (s *service) later(rounds int) <-chan struct{} {
	at := s.round + max(rounds, 1)
	if s.due[at] == nil {
		s.due[at] = make(chan struct{})
	}
	return s.due[at]
}

// next begins a round.
func (s *service) next() {
	s.round++
	if c := s.due[s.round]; c != nil {
		close(c)
		delete(s.due, s.round)
	}
}

// end stops the service: all that is still to come, comes now.
func (s *service) end() {
	for _, c := range s.due {
		close(c)
	}
	clear(s.due)
	close(s.stop)
	for _, f := range s.ended {
		f()
	}
}

// pattern is a kind of server or request: it sets itself up, and returns what
// it does in each round.
type pattern func(s *service) (step func())

// perRound makes a request that arrives up to twice a round a pattern. What it
// waits for comes within five rounds.
func perRound(request func(outside <-chan struct{})) pattern {
	return func(s *service) func() {
		return func() {
			for range s.rng.IntN(3) {
				go request(s.later(s.rng.IntN(5)))
			}
		}
	}
}

// forgotten leaks a goroutine in each fourth round: what the census must see
// among all that is healthy, else the tests here would prove nothing.
func forgotten(s *service) func() {
	return func() {
		if s.round%4 == 0 {
			reply := make(chan int)
			go forgottenSend(reply, s.stop)
		}
	}
}

func forgottenSend(reply chan<- int, stop <-chan struct{}) {
	select {
	case reply <- 1:
	case <-stop: // only so that the test leaves nothing behind
	}
}

// TestHealthyServices runs all fixed leaks and all healthy servers in one
// process, a round and a census each minute of made-up time: the census must flag the
// one leak that is among them, and never anything else.
func TestHealthyServices(t *testing.T) {
	t.Run("five hours", func(t *testing.T) { runService(t, 300) })
	t.Run("two days", func(t *testing.T) {
		if testing.Short() {
			t.Skip("2,880 rounds")
		}
		runService(t, 2*24*60)
	})
}

func runService(t *testing.T, rounds int) {
	const interval = time.Minute
	before := runtime.NumGoroutine()
	s := &service{due: make(map[int]chan struct{}), stop: make(chan struct{}), rng: rand.New(rand.NewPCG(1, 2))}
	day := int(24 * time.Hour / interval)
	steps := []func(){forgotten(s), dailySwing(day)(s)}
	for _, p := range fixed {
		steps = append(steps, p(s))
	}
	for _, p := range healthy {
		steps = append(steps, p(s))
	}
	reader, watch := census.NewReader(""), census.NewWatch()
	flagged := make(map[string]bool)
	found := -1
	history := make(map[census.Key][]int64)
	for i := range rounds {
		s.next()
		for _, step := range steps {
			step()
		}
		time.Sleep(time.Duration(s.rng.IntN(3)) * time.Millisecond)
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

	// The fixed programs are fixed, and the servers end: nothing is left.
	s.end()
	for range 500 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines before, %d after:\n%.5000s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
}
