package guard

import "sync"

// mostJobs is the most jobs that wait for a worker.
const mostJobs = 16

// worker runs functions one at a time, on a goroutine that exists only while there are
// any.
type worker struct {
	guarded func(f func()) // recovers a panic

	mu    sync.Mutex
	queue []func()
	done  chan struct{} // closed when the goroutine ends; nil: not running
}

// do queues work. It reports whether there was room.
func (w *worker) do(f func()) bool { return w.add(f, mostJobs) }

// must queues work that must not be dropped. The caller bounds the amount of such work.
func (w *worker) must(f func()) { w.add(f, int(^uint(0)>>1)) }

func (w *worker) add(f func(), most int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) >= most {
		return false
	}
	w.queue = append(w.queue, f)
	if w.done == nil {
		w.done = make(chan struct{})
		go w.run()
	}
	return true
}

func (w *worker) run() {
	for {
		f := w.take()
		if f == nil {
			return
		}
		w.guarded(f)
	}
}

// take returns the next function. It returns nil, and marks the goroutine as ended, if
// there is none.
func (w *worker) take() func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		w.queue = nil
		close(w.done)
		w.done = nil
		return nil
	}
	f := w.queue[0]
	w.queue[0] = nil
	w.queue = w.queue[1:]
	return f
}

// wait waits until there is no work.
func (w *worker) wait() {
	for {
		w.mu.Lock()
		done := w.done
		w.mu.Unlock()
		if done == nil {
			return
		}
		<-done
	}
}
