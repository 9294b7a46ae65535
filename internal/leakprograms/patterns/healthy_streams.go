package patterns

import (
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// pubSub has subscribers that come and go, each with a goroutine that waits for the
// next message.
func pubSub(s *Service) func() {
	subscribers := make(map[chan int]<-chan struct{})
	subscribe := func(messages <-chan int) {
		for range messages {
		}
	}
	s.ended = append(s.ended, func() {
		for c := range subscribers {
			close(c)
		}
	})
	return func() {
		for range s.Rng.IntN(3) {
			c := make(chan int, 16)
			subscribers[c] = s.later(1 + s.Rng.IntN(40))
			go subscribe(c)
		}
		for c, left := range subscribers {
			select {
			case <-left:
				delete(subscribers, c)
				close(c)
			case c <- s.Round:
			}
		}
	}
}

// tickers has ten periodic jobs that run for the life of the service.
func tickers(s *Service) func() {
	job := func() {
		tick := time.NewTicker(3 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-s.stop:
				return
			}
		}
	}
	for range 10 {
		go job()
	}
	return func() {}
}

// streams has 30 clients that stay connected for a very long time, one to several
// hundred rounds, and reconnect when they are cut off.
func streams(s *Service) func() {
	var cut []<-chan struct{}
	serve := func(end <-chan struct{}) { <-end }
	connect := func() <-chan struct{} {
		end := s.later(1 + int(s.Rng.ExpFloat64()*150))
		go serve(end)
		return end
	}
	return func() {
		for range min(6, 30-len(cut)) { // all connect within the first rounds
			cut = append(cut, connect())
		}
		for i, end := range cut {
			select {
			case <-end:
				cut[i] = connect()
			default:
			}
		}
	}
}

// dailySwing has sessions of about ten rounds, few by night and many by day.
func dailySwing(s *Service) func() {
	const day = 24 * 60
	session := func(end <-chan struct{}) { <-end }
	return func() {
		rate := 3 - 2.7*math.Cos(2*math.Pi*float64(s.Round)/day)
		n := int(rate)
		if s.Rng.Float64() < rate-float64(n) {
			n++
		}
		for range n {
			go session(s.later(5 + s.Rng.IntN(10)))
		}
	}
}

// netPipes has connections with a reader and a writer each, like a chat server.
func netPipes(s *Service) func() {
	reader := func(c net.Conn) {
		defer c.Close()
		_, _ = io.Copy(io.Discard, c)
	}
	writer := func(c net.Conn, end <-chan struct{}) {
		defer c.Close()
		_, _ = c.Write([]byte("hello"))
		<-end
	}
	return func() {
		for range s.Rng.IntN(3) {
			a, b := net.Pipe()
			go reader(a)
			go writer(b, s.later(s.Rng.IntN(20)))
		}
	}
}

// keepAlive has an HTTP server whose client sends bursts and keeps up to eight
// connections idle, each with two goroutines in the client and one in the server.
func keepAlive(s *Service) func() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "ok")
	}))
	transport := &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Hour}
	client := &http.Client{Transport: transport}
	get := func() error {
		resp, err := client.Get(server.URL)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return errors.Join(err, resp.Body.Close())
	}
	s.ended = append(s.ended, func() {
		transport.CloseIdleConnections()
		server.Close()
	})
	return func() {
		n := 1
		if s.Round%7 == 0 {
			n = 1 + s.Rng.IntN(12)
		}
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				if err := get(); err != nil {
					panic(err)
				}
			})
		}
		wg.Wait()
	}
}
