// Package webhook delivers events to the endpoints of customers.
package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Event is what happened.
type Event struct {
	ID   string
	Kind string
	Data map[string]string
}

// Sender delivers with retries.
type Sender struct {
	http     *http.Client
	attempts int
}

// NewSender returns a sender with a client of its own.
func NewSender(attempts int) *Sender {
	return &Sender{attempts: attempts, http: &http.Client{
		Timeout: 10 * time.Minute, // some endpoints of customers are slow
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			MaxIdleConns:        64,
			MaxIdleConnsPerHost: 16,
			IdleConnTimeout:     30 * time.Second,
		},
	}}
}

type attempt struct {
	number int
	status int
	took   time.Duration
}

// Deliver posts e until an endpoint accepts it.
func (s *Sender) Deliver(ctx context.Context, url string, e Event) ([]attempt, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	var tried []attempt
	for n := range s.attempts {
		begin := time.Now()
		status, err := s.post(url, body)
		tried = append(tried, attempt{n, status, time.Since(begin)})
		if err == nil && status < 300 {
			return tried, nil
		}
		select {
		case <-ctx.Done():
			return tried, ctx.Err()
		case <-time.After(time.Millisecond << n):
		}
	}
	return tried, fmt.Errorf("webhook: %s not delivered after %d attempts", e.ID, s.attempts)
}

func (s *Sender) post(url string, body []byte) (int, error) {
	resp, err := s.http.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, nil
}
