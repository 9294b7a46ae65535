package patterns

import (
	"context"
	"sync"
	"time"
)

// Healthy are servers whose goroutines wait, come, go and grow, but do not leak. A
// day has 24 × 60 rounds.
var Healthy = []Pattern{
	server(workerPool), server(elasticPool), server(connectionPool), server(rateLimiter), server(singleflight),
	server(fanOut), server(contextTimeouts), server(lazyPerKey), server(batcher), server(condQueue), server(backoff),
	server(pipeline), server(busyLock), server(standby), server(reload), server(dailySwing),
	server(pubSub), server(tickers), server(streams), server(netPipes), server(keepAlive),
}

// workerPool starts a worker whenever none is idle, up to 32, and keeps them. It
// grows with the first bursts of load and then stays level.
func workerPool(s *Service) func() {
	jobs := make(chan (<-chan struct{}))
	workers := 0
	work := func(job <-chan struct{}) {
		<-job
		for {
			select {
			case job := <-jobs:
				<-job
			case <-s.stop:
				return
			}
		}
	}
	return func() {
		for range s.Rng.IntN(8) {
			job := s.later(s.Rng.IntN(6))
			select {
			case jobs <- job:
			default:
				if workers < 32 {
					workers++
					go work(job)
				}
			}
		}
	}
}

// elasticPool starts workers on demand. A worker ends after some idle rounds.
func elasticPool(s *Service) func() {
	jobs := make(chan (<-chan struct{}))
	work := func(job, idle <-chan struct{}) {
		<-job
		for {
			select {
			case job := <-jobs:
				<-job
			case <-idle:
				return
			}
		}
	}
	return func() {
		load := 4
		if s.Round/15%2 == 0 {
			load = 12
		}
		for range s.Rng.IntN(load) {
			job := s.later(s.Rng.IntN(3))
			select {
			case jobs <- job:
			default:
				go work(job, s.later(5+s.Rng.IntN(15)))
			}
		}
	}
}

// connectionPool lends out at most 8 connections; bursts of requests queue for
// them. Each open connection has a reader.
func connectionPool(s *Service) func() {
	slots := make(chan struct{}, 8)
	read := func(closed <-chan struct{}) { <-closed }
	query := func(answer, closed <-chan struct{}) {
		slots <- struct{}{}
		go read(closed)
		<-answer
		<-slots
	}
	return func() {
		n := s.Rng.IntN(4)
		if s.Round%25 < 3 {
			n = 15
		}
		for range n {
			go query(s.later(1+s.Rng.IntN(2)), s.later(4+s.Rng.IntN(10)))
		}
	}
}

// rateLimiter lets ten requests through per round; bursts wait for a token.
func rateLimiter(s *Service) func() {
	tokens := make(chan struct{})
	request := func() {
		select {
		case <-tokens:
		case <-s.stop:
		}
	}
	return func() {
		n := s.Rng.IntN(8)
		if s.Round%40 == 0 {
			n = 60
		}
		for range n {
			go request()
		}
		for range 10 {
			select {
			case tokens <- struct{}{}:
			default:
			}
		}
	}
}

// singleflight makes all requests for a key wait for one call.
func singleflight(s *Service) func() {
	var mu sync.Mutex
	calls := make(map[int]*sync.WaitGroup)
	do := func(key int, answer <-chan struct{}) {
		mu.Lock()
		if call := calls[key]; call != nil {
			mu.Unlock()
			call.Wait()
			return
		}
		call := new(sync.WaitGroup)
		call.Add(1)
		calls[key] = call
		mu.Unlock()
		<-answer
		mu.Lock()
		delete(calls, key)
		mu.Unlock()
		call.Done()
	}
	return func() {
		for range s.Rng.IntN(10) {
			go do(s.Rng.IntN(3), s.later(s.Rng.IntN(4)))
		}
	}
}

// fanOut works like an errgroup with a limit: up to 20 parts, 4 at a time.
func fanOut(s *Service) func() {
	request := func(parts int, answer <-chan struct{}) {
		limit := make(chan struct{}, 4)
		var wg sync.WaitGroup
		for range parts {
			wg.Go(func() {
				limit <- struct{}{}
				<-answer
				<-limit
			})
		}
		wg.Wait()
	}
	return func() { go request(s.Rng.IntN(20), s.later(s.Rng.IntN(3))) }
}

// contextTimeouts sends requests to a backend that may not answer in time.
func contextTimeouts(s *Service) func() {
	request := func(answer <-chan struct{}) {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Millisecond)
		defer cancel()
		select {
		case <-answer:
		case <-ctx.Done():
		}
	}
	return func() {
		for range s.Rng.IntN(6) {
			go request(s.later(s.Rng.IntN(8)))
		}
	}
}

// lazyPerKey starts a goroutine for each of 40 tenants at its first request, and
// keeps it. New tenants become rarer over time.
func lazyPerKey(s *Service) func() {
	tenants := make(map[int]chan struct{})
	serve := func(requests <-chan struct{}) {
		for {
			select {
			case <-requests:
			case <-s.stop:
				return
			}
		}
	}
	return func() {
		for range 3 {
			key := s.Rng.IntN(40)
			if tenants[key] == nil {
				tenants[key] = make(chan struct{})
				go serve(tenants[key])
			}
			tenants[key] <- struct{}{}
		}
	}
}

// batcher makes writers wait until the batch is flushed: a sawtooth.
func batcher(s *Service) func() {
	flush := make(chan struct{})
	write := func(flush <-chan struct{}) { <-flush }
	s.ended = append(s.ended, func() { close(flush) })
	return func() {
		for range s.Rng.IntN(4) {
			go write(flush)
		}
		if s.Round%20 == 0 {
			close(flush)
			flush = make(chan struct{})
		}
	}
}

// condQueue has six consumers that wait on a Cond.
func condQueue(s *Service) func() {
	var mu sync.Mutex
	cond := sync.NewCond(&mu)
	queue, closed := 0, false
	consume := func() {
		mu.Lock()
		defer mu.Unlock()
		for {
			for queue == 0 && !closed {
				cond.Wait()
			}
			if closed {
				return
			}
			queue--
		}
	}
	for range 6 {
		go consume()
	}
	s.ended = append(s.ended, func() {
		mu.Lock()
		closed = true
		mu.Unlock()
		cond.Broadcast()
	})
	return func() {
		mu.Lock()
		queue += s.Rng.IntN(9)
		mu.Unlock()
		cond.Broadcast()
	}
}

// backoff retries after waits that double.
func backoff(s *Service) func() {
	call := func(tries int) {
		for i := range tries {
			time.Sleep(time.Millisecond << i)
		}
	}
	return func() {
		for range s.Rng.IntN(4) {
			go call(s.Rng.IntN(4))
		}
	}
}

// pipeline has three stages for each request, connected by channels.
func pipeline(s *Service) func() {
	stage := func(in <-chan int, out chan<- int) {
		defer close(out)
		for v := range in {
			out <- v
		}
	}
	request := func(answer <-chan struct{}) {
		a, b, c := make(chan int), make(chan int), make(chan int)
		go stage(a, b)
		go stage(b, c)
		go func() {
			defer close(a)
			for i := range 5 {
				a <- i
			}
			<-answer
		}()
		for range c {
		}
	}
	return func() {
		for range s.Rng.IntN(4) {
			go request(s.later(s.Rng.IntN(5)))
		}
	}
}

// busyLock has bursts of goroutines that wait for a lock held for a while.
func busyLock(s *Service) func() {
	var mu sync.Mutex
	hold := func(answer <-chan struct{}) {
		mu.Lock()
		defer mu.Unlock()
		<-answer
	}
	return func() {
		if s.Round%10 != 0 {
			return
		}
		for range s.Rng.IntN(12) {
			go hold(s.later(s.Rng.IntN(8)))
		}
	}
}

// standby has goroutines that wait forever, a constant number from the start.
func standby(s *Service) func() {
	wait := func() { <-s.stop }
	for range 5 {
		go wait()
	}
	return func() {}
}

// reload replaces its eight workers every 30 rounds; old and new ones overlap.
func reload(s *Service) func() {
	work := func(old <-chan struct{}) { <-old }
	return func() {
		if s.Round%30 == 1 {
			for range 8 {
				go work(s.later(33))
			}
		}
	}
}
