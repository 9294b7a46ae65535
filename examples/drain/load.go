package main

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// load simulates the clients. They make that many requests per second, whether or
// not earlier ones have been answered.
type load struct {
	url string

	mu               sync.Mutex
	requests, failed int
	lastSuccess      time.Time
	longestGap       time.Duration // between two successes
	failures         map[string]int
}

// run makes requests until ctx ends, and waits for their answers.
func (l *load) run(ctx context.Context, rate int) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	l.failures = make(map[string]int)
	l.lastSuccess = time.Now()
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	var all sync.WaitGroup
	defer all.Wait()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		all.Go(func() { l.book(get(client, l.url)) })
	}
}

// get makes a request. It returns the kind of failure, or "" if the request
// succeeded.
func get(client *http.Client, url string) (failure string) {
	resp, err := client.Get(url)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	if resp.StatusCode != http.StatusOK {
		return resp.Status + ": " + string(body)
	}
	return ""
}

func (l *load) book(failure string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	if failure != "" {
		l.failed++
		l.failures[failure]++
		return
	}
	now := time.Now()
	l.longestGap = max(l.longestGap, now.Sub(l.lastSuccess))
	l.lastSuccess = now
}
