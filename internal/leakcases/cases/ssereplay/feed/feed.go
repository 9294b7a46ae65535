// Package feed tells browsers what has changed.
package feed

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/r3labs/sse/v2"
)

// Feed has a stream for each board.
type Feed struct {
	server *sse.Server
	mu     sync.Mutex
	boards map[string]bool
}

// New returns a feed.
func New() *Feed { return &Feed{server: sse.New(), boards: map[string]bool{}} }

func (f *Feed) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.server.ServeHTTP(w, r) }

type envelope struct {
	At     time.Time
	Board  string
	Change []byte
}

// Publish tells the subscribers of a board of a change.
func (f *Feed) Publish(board string, change []byte) {
	f.mu.Lock()
	if !f.boards[board] { // its stream lives as long as the service
		f.server.CreateStream(board)
		f.boards[board] = true
	}
	f.mu.Unlock()
	data, err := json.Marshal(envelope{time.Now(), board, change})
	if err != nil {
		return
	}
	f.server.Publish(board, &sse.Event{Event: []byte("change"), Data: data})
}

// Forget ends all streams.
func (f *Feed) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for board := range f.boards {
		f.server.RemoveStream(board)
	}
	clear(f.boards)
}
