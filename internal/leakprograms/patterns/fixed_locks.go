package patterns

import "sync"

// pass locks and unlocks l.
func pass(l sync.Locker) {
	l.Lock()
	defer l.Unlock()
}

// The leak: the loop exited without unlocking.
func cockroach584(outside <-chan struct{}) {
	var mu sync.Mutex
	closed := false
	go func() { // bootstrap, manage
		for range 2 {
			<-outside
			mu.Lock()
			if closed {
				mu.Unlock()
				break
			}
			mu.Unlock()
		}
	}()
	mu.Lock()
	closed = true
	mu.Unlock()
}

// The leak: exit locked a mutex that outputLogEntry held.
func cockroach9935(outside <-chan struct{}) {
	var mu sync.Mutex
	mu.Lock()
	<-outside // createFile fails
	mu.Unlock()
	mu.Lock() // exit
	defer mu.Unlock()
}

// The leak: two locks were taken in different orders.
func cockroach10214(outside <-chan struct{}) {
	var coalesced, raft sync.Mutex
	for range 2 {
		go func() {
			coalesced.Lock()
			<-outside
			coalesced.Unlock()
			raft.Lock()
			defer raft.Unlock()
		}()
	}
}

// The leak: a return left the client's lock read-locked.
func etcd5509(outside <-chan struct{}) {
	var mu sync.RWMutex
	donec := make(chan struct{})
	go func() { // acquire
		defer close(donec)
		mu.RLock()
		defer mu.RUnlock()
		<-outside
	}()
	pass(&mu) // Close
	<-donec
}

// The leak: stop held the lock that the goroutine it waited for needed.
func etcd6873(outside <-chan struct{}) {
	var mu sync.Mutex
	updates, done := make(chan int, 1), make(chan struct{})
	go func() {
		defer close(done)
		for range updates {
			pass(&mu) // coalesce
		}
	}()
	updates <- 1
	<-outside
	mu.Lock()
	close(updates)
	mu.Unlock()
	<-done
}

// The leak: Renew called a checkpointer that locked again.
func etcd10492(outside <-chan struct{}) {
	var mu sync.RWMutex
	checkpoint := func() {
		mu.Lock()
		defer mu.Unlock()
		<-outside
	}
	pass(&mu)
	checkpoint()
}

// The leak: the second GracefulStop locked twice.
func grpc795(outside <-chan struct{}) {
	var mu sync.Mutex
	drain := false
	for range 3 {
		go func() {
			mu.Lock()
			defer mu.Unlock()
			if drain {
				return
			}
			drain = true
			<-outside
		}()
	}
}

// The leak: keepalive waited for a wake-up while holding the lock that its waker
// needs.
func grpc1460(outside <-chan struct{}) {
	var mu sync.Mutex
	awaken := make(chan struct{}, 1)
	go func() { // keepalive
		pass(&mu)
		<-awaken
	}()
	<-outside
	mu.Lock() // NewStream
	awaken <- struct{}{}
	mu.Unlock()
}

// The leak: WriteFrame sent, under the lock, to a monitor that waited for the lock.
func kubernetes6632(outside <-chan struct{}) {
	var mu sync.Mutex
	reset, closing, closed := make(chan bool), make(chan bool), make(chan struct{})
	go func() { // monitor
		<-closing
		close(closed)
		mu.Lock()
		defer mu.Unlock()
	}()
	go func() { // WriteFrame
		mu.Lock()
		defer mu.Unlock()
		select {
		case reset <- true:
		case <-closed:
		}
	}()
	<-outside
	closing <- true
}

// The leak: SetPodStatus sent under the lock that the receiver took.
func kubernetes10182(outside <-chan struct{}) {
	var mu sync.RWMutex
	statuses := make(chan bool)
	go func() { // syncBatch
		for range 2 {
			<-statuses
			pass(&mu)
		}
	}()
	for range 2 {
		go func() { // SetPodStatus
			pass(&mu)
			<-outside
			statuses <- true
		}()
	}
}

// The leak: an early return left the device set locked.
func moby17176(outside <-chan struct{}) {
	var mu sync.Mutex
	cleanup := func() error {
		mu.Lock()
		defer mu.Unlock()
		return nil
	}
	_ = cleanup()
	done := make(chan bool, 1)
	go func() {
		mu.Lock()
		defer mu.Unlock()
		<-outside
		done <- true
	}()
	<-done
}

// The leak: it waited for all plugins after it had started the first.
func moby25348(outside <-chan struct{}) {
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() { <-outside })
	}
	group.Wait()
}

// The leak: a failed activation of a plugin did not notify the waiters.
func moby30408(outside <-chan struct{}) {
	cond := sync.NewCond(&sync.Mutex{})
	active := false
	done := make(chan struct{})
	go func() {
		defer close(done)
		cond.L.Lock()
		defer cond.L.Unlock()
		for !active {
			cond.Wait()
		}
	}()
	<-outside
	cond.L.Lock()
	active = true
	cond.L.Unlock()
	cond.Broadcast()
	<-done
}

// The leak: it called a function that takes the lock it already held.
func moby36114(outside <-chan struct{}) {
	var mu sync.Mutex
	removeLocked := func() { <-outside }
	mu.Lock()
	defer mu.Unlock()
	removeLocked()
}

// The leak: it notified under the write lock, and the receiver takes the read lock.
func syncthing4829(outside <-chan struct{}) {
	var mu sync.RWMutex
	pass(&mu)
	mu.RLock() // notify
	defer mu.RUnlock()
	<-outside
}

// The leak: the dispatcher closed the connection itself and waited for its own end.
func syncthing5795(outside <-chan struct{}) {
	inbox, closed, stopped := make(chan int), make(chan struct{}), make(chan struct{})
	var once sync.Once
	stop := func() {
		once.Do(func() {
			go func() { // a goroutine, so that the dispatcher may call it
				close(closed)
				<-stopped
			}()
		})
	}
	go func() { // dispatcherLoop
		defer close(stopped)
		for {
			select {
			case <-inbox:
				stop()
			case <-closed:
				return
			}
		}
	}()
	inbox <- 1
	<-outside
	<-stopped
}
