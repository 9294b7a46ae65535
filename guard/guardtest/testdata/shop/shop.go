// Package shop leaks goroutines in the ways that guardtest's tests need.
package shop

import (
	"runtime"
	"sync"
)

// until is never closed.
var until = make(chan int)

// Leak starts a goroutine that never ends, through depth others that end.
func Leak(depth int) {
	var ready sync.WaitGroup
	ready.Add(1)
	var start func(int)
	start = func(n int) {
		if n > 0 {
			go start(n - 1)
			return
		}
		go wait(&ready)
	}
	start(depth)
	ready.Wait()
}

func wait(ready *sync.WaitGroup) {
	ready.Done()
	<-until
}

// LeakDeep starts a goroutine that never ends, with a stack of that many frames.
func LeakDeep(frames int) {
	var ready sync.WaitGroup
	ready.Add(1)
	go deep(frames, &ready)
	ready.Wait()
}

func deep(frames int, ready *sync.WaitGroup) {
	if frames > 0 {
		deep(frames-1, ready)
		return
	}
	ready.Done()
	<-until
}

// Worker is a goroutine that ends a while after Stop.
type Worker struct{ stop, done chan struct{} }

// NewWorker starts a worker.
func NewWorker() *Worker {
	w := &Worker{make(chan struct{}), make(chan struct{})}
	go func() {
		defer close(w.done)
		<-w.stop
	}()
	return w
}

// Stop does not wait for the goroutine to end.
func (w *Worker) Stop() { close(w.stop) }

func profileRate() int { return runtime.MemProfileRate }
