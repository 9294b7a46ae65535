package gate

import (
	"math"
	"runtime"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/leakguard/leakguard/guard"
)

const (
	// stateFresh is how long a state is used without asking again.
	stateFresh = time.Second
	// stateStale is when a state says nothing any more.
	stateStale = 10 * time.Second
	// stateWait is how long a transaction waits for a new state. A guard answers
	// within microseconds, unless it is held up.
	stateWait = 5 * time.Millisecond
	// readingStale is when a guard's last reading says nothing any more. The
	// slowest guard takes one a minute, so it has been closed.
	readingStale = 2 * time.Minute
)

// stateCache asks for the state at most once a second, and never makes a transaction
// wait for long.
type stateCache struct {
	read func() processState

	mu     sync.Mutex
	state  processState
	at     time.Time
	asking chan struct{} // closed when the answer has come; nil: nobody asks
}

func newStateCache(read func() processState) *stateCache { return &stateCache{read: read} }

// get returns the state, or the zero state if it is not known.
func (c *stateCache) get() processState {
	c.mu.Lock()
	if state := c.state; !c.at.IsZero() && time.Since(c.at) < stateFresh {
		c.mu.Unlock()
		return state
	}
	if c.asking == nil {
		c.asking = make(chan struct{})
		go c.ask(c.asking)
	}
	asking := c.asking
	c.mu.Unlock()

	patience := time.NewTimer(stateWait)
	defer patience.Stop()
	select {
	case <-asking:
	case <-patience.C:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() || time.Since(c.at) > stateStale {
		return processState{}
	}
	return c.state
}

func (c *stateCache) ask(answered chan struct{}) {
	var state processState
	defer func() {
		_ = recover() // the state is not known, and the host must not die of it
		c.mu.Lock()
		c.state, c.at, c.asking = state, time.Now(), nil
		c.mu.Unlock()
		close(answered)
	}()
	state = c.read()
}

// stateSource returns where the state comes from.
func stateSource(g *guard.Guard) func() processState {
	if g == nil {
		return runtimeState
	}
	return func() processState { return snapshotState(g.Snapshot(), time.Now()) }
}

func snapshotState(s guard.Snapshot, now time.Time) processState {
	if !s.Reading.HeapLive.Known() || now.Sub(s.Reading.Time) > readingStale {
		return processState{}
	}
	limit := s.Limits.Kill
	if soft := s.Limits.GOMEMLIMIT; soft > 0 && (limit <= 0 || soft < limit) {
		limit = soft
	}
	return processState{known: true, liveHeap: int64(s.Reading.HeapLive), limit: limit, incident: len(s.Incidents) > 0}
}

// runtimeState is the state that the runtime alone knows.
func runtimeState() processState {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/gomemlimit:bytes"}}
	metrics.Read(samples)
	for _, s := range samples {
		if s.Value.Kind() != metrics.KindUint64 {
			return processState{}
		}
	}
	limit := samples[1].Value.Uint64()
	if limit >= math.MaxInt64 { // GOMEMLIMIT is off
		limit = 0
	}
	return processState{known: true, liveHeap: int64(samples[0].Value.Uint64()), limit: int64(limit)}
}

func numGoroutine() int64 { return int64(runtime.NumGoroutine()) }
