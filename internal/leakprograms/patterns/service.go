package patterns

import (
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
)

// Service is the process in which patterns run. Its time passes in rounds. What a
// request or session waits for comes some rounds later, so that an observer between
// two rounds finds goroutines of all of them at work.
type Service struct {
	Rng   *rand.Rand
	Round int
	due   map[int]chan struct{} // by round, closed when it begins
	stop  chan struct{}         // closed when the service ends
	ended []func()
}

// NewService returns a service before its first round. The same seed produces the
// same requests.
func NewService(seed uint64) *Service {
	return &Service{due: make(map[int]chan struct{}), stop: make(chan struct{}), Rng: rand.New(rand.NewPCG(1, seed))}
}

// later returns a channel that is closed after that many rounds, or when the
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

// End stops the service and closes all channels that are still pending. It does not
// wait for the goroutines to return.
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

// Pattern is a kind of server or request. Start sets it up and returns what it does
// in each round.
type Pattern struct {
	Name  string
	Start func(s *Service) (step func())
}

// server names a pattern after its function.
func server(start func(s *Service) func()) Pattern { return Pattern{functionName(start), start} }

// perRound returns a pattern with up to two requests a round, each of which waits
// for up to five rounds.
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
