package patterns

import (
	"context"
	"errors"
	"time"
)

// Fixed are leak programs of the Go distribution, fixed as they were upstream or as
// textbooks fix that pattern. The channel outside is the answer from the outside
// world, which comes some rounds later.
var Fixed = []Pattern{
	perRound(noCloseRange), perRound(methodContract), perRound(doubleSend), perRound(earlyReturn),
	perRound(nCast), perRound(timeout), perRound(cockroach10790), perRound(cockroach13197),
	perRound(cockroach24808), perRound(cockroach25456), perRound(cockroach35931),
	perRound(etcd6857), perRound(grpc660), perRound(grpc862), perRound(grpc1275), perRound(grpc1424),
	perRound(istio17860), perRound(kubernetes5316), perRound(kubernetes25331), perRound(kubernetes38669),
	perRound(kubernetes70277), perRound(moby33781),

	perRound(cockroach584), perRound(cockroach9935), perRound(cockroach10214), perRound(etcd5509),
	perRound(etcd6873), perRound(etcd10492), perRound(grpc795), perRound(grpc1460), perRound(kubernetes6632),
	perRound(kubernetes10182), perRound(moby17176), perRound(moby25348), perRound(moby30408),
	perRound(moby36114), perRound(syncthing4829), perRound(syncthing5795),
}

var errFailed = errors.New("failed")

// The leak: the channel was never closed, so the workers ranged over it forever.
func noCloseRange(outside <-chan struct{}) {
	ch := make(chan any)
	for range 3 {
		go func() {
			for range ch {
			}
		}()
	}
	for range 3 {
		ch <- nil
	}
	<-outside
	close(ch)
}

type worker struct {
	ch   chan any
	done chan struct{}
}

func (w worker) start() {
	go func() {
		for {
			select {
			case <-w.ch:
			case <-w.done:
				return
			}
		}
	}()
}

// The leak: the caller that started a worker forgot to stop it.
func methodContract(outside <-chan struct{}) {
	w := worker{make(chan any), make(chan struct{})}
	w.start()
	defer close(w.done)
	for range 10 {
		w.ch <- nil
	}
	<-outside
}

// The leak: after an error a return was missing, so it sent twice.
func doubleSend(outside <-chan struct{}) {
	ch := make(chan any)
	go func(err error) {
		<-outside
		if err != nil {
			ch <- nil
			return
		}
		ch <- struct{}{}
	}(errFailed)
	<-ch
}

// The leak: the caller returned before it received, and the channel had no buffer.
func earlyReturn(outside <-chan struct{}) {
	ch := make(chan any, 1)
	go func() {
		<-outside
		ch <- struct{}{}
	}()
}

// The leak: only the first of many answers was received, and there was no buffer
// for the others.
func nCast(outside <-chan struct{}) {
	ch := make(chan any, 5)
	for range 5 {
		go func() {
			<-outside
			ch <- struct{}{}
		}()
	}
	<-ch
}

// The leak: the caller's context ended first, and the channel had no buffer.
func timeout(outside <-chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	ch := make(chan any, 1)
	go func() {
		<-outside
		ch <- struct{}{}
	}()
	select {
	case <-ch:
	case <-ctx.Done():
	}
}

// The leak: the drain waited for commands that were never sent and ignored the
// context.
func cockroach10790(outside <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	chans := []chan bool{make(chan bool), make(chan bool)}
	go func() { // sendChans
		for _, ch := range chans {
			select {
			case ch <- true:
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() { // beginCmds
		for _, ch := range chans {
			select {
			case <-ch:
			case <-ctx.Done():
				return
			}
		}
	}()
	<-outside
	cancel()
}

// The leak: a transaction waited for its context and was never rolled back.
func cockroach13197(outside <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-ctx.Done() }() // awaitDone
	defer cancel()               // Rollback
	<-outside
}

// The leak: the first send found the buffer full and no worker. The fix starts the
// worker first.
func cockroach24808(outside <-chan struct{}) {
	stopper := make(chan struct{})
	defer close(stopper)
	ch := make(chan struct{}, 1)
	ch <- struct{}{}
	go func() {
		for {
			select {
			case <-stopper:
				return
			case <-ch:
			}
		}
	}()
	ch <- struct{}{}
	<-outside
}

// The leak: the queue waited for a stopper that was never stopped.
func cockroach25456(outside <-chan struct{}) {
	quiescer := make(chan struct{})
	go func() {
		for range 2 {
			<-quiescer
		}
	}()
	<-outside
	close(quiescer)
}

// The leak: a row was pushed to a consumer that had already gone.
func cockroach35931(outside <-chan struct{}) {
	rows, gone := make(chan int), make(chan struct{})
	go func() {
		for i := range 3 {
			select {
			case rows <- i:
			case <-gone:
				return
			}
		}
	}()
	<-rows
	<-outside
	close(gone)
}

// The leak: Status did not check whether the node had stopped.
func etcd6857(outside <-chan struct{}) {
	status, stop, done := make(chan chan int), make(chan struct{}), make(chan struct{})
	go func() { // run
		for {
			select {
			case c := <-status:
				c <- 1
			case <-stop:
				close(done)
				return
			}
		}
	}()
	go func() { // Status
		<-outside
		c := make(chan int, 1)
		select {
		case status <- c:
			<-c
		case <-done:
		}
	}()
	<-outside
	stop <- struct{}{}
	<-done
}
