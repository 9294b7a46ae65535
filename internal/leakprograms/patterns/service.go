package patterns

import (
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
)

// Service is the process that patterns run in. Its time goes in rounds: what a
// request or session waits for from outside comes some rounds later, so that
// whoever looks between two rounds finds goroutines of all of them under way.
type Service struct {
	Rng   *rand.Rand
	Round int
	due   map[int]chan struct{} // closed when that round begins
	stop  chan struct{}         // closed when the service ends
	ended []func()
}

// NewService returns a service before its first round. The same seed gives the
// same requests.
func NewService(seed uint64) *Service {
	return &Service{due: make(map[int]chan struct{}), stop: make(chan struct{}), Rng: rand.New(rand.NewPCG(1, seed))}
}

// later returns a channel that is closed when so many rounds have passed, or the
// service stops.
func (s *Service) later(rounds int) <-chan struct{} {
	at := s.Round + max(rounds, 1)
	if s.due[at] == nil {
		s.due[at] = make(chan struct{})
	}
	return s.due[at]
}

// Next begins a round.
func (s *Service) Next() {
	s.Round++
	if c := s.due[s.Round]; c != nil {
		close(c)
		delete(s.due, s.Round)
	}
}

// Stopped returns a channel that is closed when the service ends.
func (s *Service) Stopped() <-chan struct{} { return s.stop }

// End stops the service: all that is still to come, comes now. It does not wait
// for the goroutines to return.
func (s *Service) End() {
	for _, c := range s.due {
		close(c)
	}
	clear(s.due)
	close(s.stop)
	for _, f := range s.ended {
		f()
	}
}

// Pattern is a kind of server or request: it sets itself up, and returns what
// it does in each round.
type Pattern struct {
	Name  string
	Start func(s *Service) (step func())
}

// server names a pattern after its function.
func server(start func(s *Service) func()) Pattern { return Pattern{functionName(start), start} }

// perRound makes a request that arrives up to twice a round a pattern. What it
// waits for comes within five rounds.
func perRound(request func(outside <-chan struct{})) Pattern {
	return Pattern{functionName(request), func(s *Service) func() {
		return func() {
			for range s.Rng.IntN(3) {
				go request(s.later(s.Rng.IntN(5)))
			}
		}
	}}
}

func functionName(f any) string {
	name := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
	return name[strings.LastIndexByte(name, '.')+1:]
}
