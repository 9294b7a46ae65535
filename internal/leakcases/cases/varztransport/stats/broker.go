// Package stats reads the statistics of message brokers.
package stats

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Varz is what a broker says of itself.
type Varz struct {
	ServerID    string `json:"server_id"`
	Connections int    `json:"connections"`
	InMsgs      int64  `json:"in_msgs"`
	Routes      []struct {
		Name string `json:"name"`
		Addr string `json:"addr"`
	} `json:"routes"`
}

// Broker is one broker.
type Broker struct {
	URL  string
	Skip bool // verification of the certificate
}

func (b Broker) client() *http.Client {
	return &http.Client{
		Timeout: 3 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: b.Skip},
		},
	}
}

// Varz fetches the statistics.
func (b Broker) Varz(ctx context.Context) (*Varz, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.URL+"/varz", nil)
	if err != nil {
		return nil, err
	}
	resp, err := b.client().Do(r)
	if err != nil {
		return nil, fmt.Errorf("varz: %w", err)
	}
	defer resp.Body.Close()
	var v Varz
	return &v, json.NewDecoder(resp.Body).Decode(&v)
}
