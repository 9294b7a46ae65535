package main

import (
	"maps"
	"net/http"
	"runtime/metrics"
	"sync"
	"time"
)

// traffic is what passed through a meter. Amounts are bytes of bodies.
type traffic struct {
	Statuses map[int]int // number of responses by status
	Failed   int         // requests without a response
	Bytes    int64
	Largest  int64
}

// meter is a RoundTripper that counts what it forwards.
type meter struct {
	base http.RoundTripper

	mu sync.Mutex
	t  traffic
}

// RoundTrip implements [http.RoundTripper].
func (m *meter) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := m.base.RoundTrip(r)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.t.Bytes += r.ContentLength
	m.t.Largest = max(m.t.Largest, r.ContentLength)
	if err != nil {
		m.t.Failed++
		return resp, err
	}
	if m.t.Statuses == nil {
		m.t.Statuses = make(map[int]int)
	}
	m.t.Statuses[resp.StatusCode]++
	return resp, nil
}

func (m *meter) read() traffic {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.t
	t.Statuses = maps.Clone(t.Statuses)
	return t
}

// watchMemory starts watching and returns a function that stops. That function
// returns the peaks of the heap's objects, garbage included (HeapAlloc), and of the
// memory that Go held, which is close to the process's resident memory.
func watchMemory() func() (heap, memory int64) {
	stop, done := make(chan struct{}), make(chan struct{})
	var heap, memory int64
	go func() {
		defer close(done)
		samples := []metrics.Sample{
			{Name: "/memory/classes/heap/objects:bytes"},
			{Name: "/memory/classes/total:bytes"},
			{Name: "/memory/classes/heap/released:bytes"},
		}
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			metrics.Read(samples)
			heap = max(heap, int64(samples[0].Value.Uint64()))
			memory = max(memory, int64(samples[1].Value.Uint64()-samples[2].Value.Uint64()))
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	return func() (int64, int64) {
		close(stop)
		<-done
		return heap, memory
	}
}
