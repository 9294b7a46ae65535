// Package pubsub has the actor that hands messages to the members of a cluster.
package pubsub

import (
	"sync"
	"sync/atomic"
)

// Message is a message to a topic.
type Message struct {
	ID, Sender, Topic string
	Payload           []byte
}

// set is a concurrent set.
type set[K comparable] struct {
	mu sync.RWMutex
	m  map[K]struct{}
}

func newSet[K comparable]() *set[K] { return &set[K]{m: map[K]struct{}{}} }

func (s *set[K]) put(k K) {
	s.mu.Lock()
	s.m[k] = struct{}{}
	s.mu.Unlock()
}

func (s *set[K]) has(k K) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.m[k]
	return ok
}

func (s *set[K]) reset() {
	s.mu.Lock()
	s.m = map[K]struct{}{}
	s.mu.Unlock()
}

// Actor is the topic actor.
type Actor struct {
	processed *set[string]
	handed    atomic.Int64
	members   []func(Message)
}

// NewActor starts the actor.
func NewActor(members ...func(Message)) *Actor {
	return &Actor{processed: newSet[string](), members: members}
}

// Receive handles a batch of messages.
func (a *Actor) Receive(batch []Message) {
	for _, m := range batch {
		a.handlePublish(m)
	}
}

func (a *Actor) handlePublish(m Message) {
	id := m.Sender + "/" + m.Topic + "/" + m.ID
	if a.processed.has(id) {
		return
	}
	for _, member := range a.members {
		member(m)
	}
	a.processed.put(id)
	a.handed.Add(1)
}

// Reset is called when the actor starts and stops.
func (a *Actor) Reset() { a.processed.reset() }
