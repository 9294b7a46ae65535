// Package storage is the culprit of the story: it starts a goroutine for each
// request, and one in ten never ends.
package storage

import (
	"bytes"
	"context"
)

// Get asks the backend for a value. It returns when the answer arrives or ctx is
// done.
func Get(ctx context.Context, key string) (string, error) {
	answer := make(chan string)
	go ask(key, answer)
	select {
	case a := <-answer:
		return a, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// ask sends the backend's answer. If nobody receives it any more, ask blocks
// forever, because the channel has no buffer.
func ask(key string, answer chan<- string) {
	a := backend(key)
	answer <- a
}

// backend works for its answer and leaves garbage, like any request.
func backend(key string) string {
	page := bytes.Repeat([]byte(key), 64<<10/len(key))
	return string(page[:len(key)])
}
