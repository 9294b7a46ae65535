package patterns

import (
	"context"
	"time"
)

// The leak: the loop stopped during a call, and there was no buffer for the answer.
func grpc660(outside <-chan struct{}) {
	done := make(chan bool, 1)
	go func() {
		<-outside
		done <- true
	}()
	select {
	case <-outside: // stop
	case <-done:
	}
}

// The leak: the connection waited for a context that the dialler never cancelled.
func grpc862(outside <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-ctx.Done() }() // resetTransport
	<-outside
	cancel()
}

// The leak: closing a stream did not notify its reader.
func grpc1275(outside <-chan struct{}) {
	recv, donec := make(chan bool), make(chan bool)
	go func() {
		defer close(donec)
		<-recv
	}()
	<-outside
	close(recv) // CloseStream
	<-donec
}

// The leak: the watcher returned without closing doneChan.
func grpc1424(outside <-chan struct{}) {
	addrs, wait := make(chan bool), make(chan error, 1)
	go func() {
		defer close(wait)
		doneChan := make(chan bool)
		go func() { // lbWatcher
			defer close(doneChan)
			for range addrs {
			}
		}()
		<-doneChan
	}()
	<-outside
	close(addrs)
	<-wait
}

// The leak: the agent's Run ended with its context while runWait still had to send.
func istio17860(outside <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	status := make(chan int)
	go func() { // Run
		for {
			select {
			case <-status:
			case <-ctx.Done():
				return
			}
		}
	}()
	for epoch := range 2 {
		go func() { // runWait
			select {
			case status <- epoch:
			case <-ctx.Done():
			}
		}()
	}
	<-outside
	cancel()
}

// The leak: the request timed out, and there was no buffer for the answer.
func kubernetes5316(outside <-chan struct{}) {
	ch, errCh := make(chan bool, 1), make(chan error, 1)
	go func() {
		<-outside
		errCh <- errFailed
	}()
	select {
	case <-ch:
	case <-errCh:
	case <-time.After(time.Millisecond):
	}
}

// The leak: the result was sent to a watcher that had left.
func kubernetes25331(outside <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	result, errs := make(chan bool), make(chan error)
	go func() { // run
		select {
		case <-errs:
			select {
			case result <- true:
			case <-ctx.Done():
			}
		case <-ctx.Done():
		}
	}()
	errs <- errFailed // Stop
	<-outside
	cancel()
}

// The leak: the watcher was stopped while it sent its first events.
func kubernetes38669(outside <-chan struct{}) {
	result, done := make(chan int), make(chan struct{})
	go func() { // process
		for event := range 2 {
			select {
			case result <- event:
			case <-done:
				return
			}
		}
	}()
	<-outside
	close(done) // Stop
}

// The leak: the caller waited for a channel that only the caller of WaitFor closes.
func kubernetes70277(outside <-chan struct{}) {
	done, ticks := make(chan struct{}), make(chan struct{})
	go func() { // poller
		defer close(ticks)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				select {
				case ticks <- struct{}{}:
				default:
				}
			case <-done:
				return
			}
		}
	}()
	<-ticks
	<-outside
	close(done) // by WaitFor itself
	for range ticks {
	}
}

// The leak: the monitor was stopped while a probe ran, and there was no buffer for
// its result.
func moby33781(outside <-chan struct{}) {
	stop := make(chan bool)
	go func() {
		results := make(chan bool, 1)
		go func() {
			<-outside
			results <- true
			close(results)
		}()
		select {
		case <-stop:
		case <-results:
			<-stop
		}
	}()
	<-outside
	stop <- true
}
