package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// probeEvery is how often the balancer probes each backend. HAProxy's default is
	// 2 s, Kubernetes' 10 s.
	probeEvery = 500 * time.Millisecond
	// mostInFlight is how many requests a backend gets at a time; the others wait. It
	// bounds how many can arrive after the first sign of pressure.
	mostInFlight = 16
	// longestWait is how long a request waits for a backend before it fails.
	longestWait = 15 * time.Second
)

// balancer is a small proxy that sends each request to the next ready backend. It
// never sends a request twice: the request may have had an effect before its
// backend died, so a failure is final.
type balancer struct {
	client *http.Client

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced when a waiting request may go on
	backends []*backend
	next     int
}

// backend is a worker from the balancer's point of view.
type backend struct {
	url      string
	ready    bool // in rotation
	inFlight int
	leaving  bool          // it has said that it is not ready
	drained  chan struct{} // closed when it is leaving and has nothing in flight
	removed  chan struct{}
}

func newBalancer() *balancer {
	return &balancer{
		changed: make(chan struct{}),
		// Use a new connection for each request: a transport repeats a request if its
		// kept connection turns out to be dead.
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
}

// ServeHTTP forwards a request.
func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), longestWait)
	defer cancel()
	to, err := b.acquire(ctx)
	if err != nil {
		http.Error(w, "no backend: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer b.release(to)
	resp, body, err := b.get(ctx, to.url+r.URL.Path)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	if resp.Header.Get(failHeader) != "" {
		b.leaves(to)
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(body) // an error means that the client has gone
}

func (b *balancer) get(ctx context.Context, url string) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, err
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(resp.Body)
	return resp, body, errors.Join(err, resp.Body.Close())
}

// acquire waits for a ready backend and returns the next in turn.
func (b *balancer) acquire(ctx context.Context) (*backend, error) {
	for {
		b.mu.Lock()
		for range b.backends {
			b.next++
			to := b.backends[b.next%len(b.backends)]
			if to.ready && to.inFlight < mostInFlight {
				to.inFlight++
				b.mu.Unlock()
				return to, nil
			}
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (b *balancer) release(from *backend) {
	b.change(func() { from.inFlight-- }, from)
}

// leaves takes a backend that says it is not ready out of rotation.
func (b *balancer) leaves(who *backend) {
	b.change(func() { who.ready, who.leaving = false, true }, who)
}

// change modifies a backend and wakes the requests that wait for one.
func (b *balancer) change(f func(), who *backend) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	if who.leaving && who.inFlight == 0 {
		select {
		case <-who.drained:
		default:
			close(who.drained)
		}
	}
	close(b.changed)
	b.changed = make(chan struct{})
}

// add adds a backend, which is probed until it is removed and gets requests while
// it is ready.
func (b *balancer) add(addr string) *backend {
	who := &backend{url: "http://" + addr, drained: make(chan struct{}), removed: make(chan struct{})}
	b.mu.Lock()
	b.backends = append(b.backends, who)
	b.mu.Unlock()
	go b.probe(who)
	return who
}

func (b *balancer) remove(who *backend) {
	close(who.removed)
	b.mu.Lock()
	b.backends = slices.DeleteFunc(b.backends, func(x *backend) bool { return x == who })
	b.mu.Unlock()
}

// probe regularly asks a backend whether it is ready.
func (b *balancer) probe(who *backend) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), longestWait)
		resp, _, err := b.get(ctx, who.url+"/ready")
		cancel()
		switch {
		case err != nil: // dead: there is nothing to wait for
			b.change(func() { who.ready = false }, who)
		case resp.StatusCode == http.StatusServiceUnavailable:
			b.leaves(who)
		default:
			// A backend that has said that it leaves does not come back.
			b.change(func() { who.ready = !who.leaving }, who)
		}
		select {
		case <-tick.C:
		case <-who.removed:
			return
		}
	}
}
