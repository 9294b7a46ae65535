package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// load sends requests at the given rate, or fewer if ctx ends. A slow service gets
// them more slowly.
func load(ctx context.Context, url string, perSecond, requests int) {
	const connections = 8
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	defer client.CloseIdleConnections()
	ticker := time.NewTicker(time.Second / time.Duration(perSecond))
	defer ticker.Stop()
	due := make(chan struct{})
	var workers sync.WaitGroup
	for range connections {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for range due {
				if err := get(ctx, client, url); err != nil && ctx.Err() == nil {
					slog.Error("client: " + err.Error())
				}
			}
		}()
	}
	for range requests {
		select {
		case <-ticker.C:
			due <- struct{}{}
		case <-ctx.Done():
		}
	}
	close(due)
	workers.Wait()
}

func get(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return err
}
