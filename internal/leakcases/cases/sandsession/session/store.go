// Package session keeps the sessions of users in memory.
package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
	"time"
)

// ErrExpired says that a session is over or was never there.
var ErrExpired = errors.New("session: expired")

// Store keeps sessions of type T.
type Store[T any] struct {
	ttl time.Duration
	mu  sync.RWMutex
	all map[string]*entry[T]
}

type entry[T any] struct {
	value   T
	expires time.Time
}

// NewStore returns a store of sessions that last for ttl.
func NewStore[T any](ttl time.Duration) *Store[T] {
	return &Store[T]{ttl: ttl, all: map[string]*entry[T]{}}
}

// Create starts a session and returns its token.
func (s *Store[T]) Create(open func(key [32]byte) T) string {
	var secret [32]byte
	rand.Read(secret[:])
	token := hex.EncodeToString(secret[:])
	e := &entry[T]{value: open(sha256.Sum256(secret[:])), expires: time.Now().Add(s.ttl)}
	s.mu.Lock()
	s.all[token] = e
	s.mu.Unlock()
	return token
}

// Get returns a session that has not expired.
func (s *Store[T]) Get(token string) (T, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, ok := s.all[token]
	if !ok || time.Now().After(e.expires) {
		var zero T
		return zero, ErrExpired
	}
	return e.value, nil
}

// Close ends a session.
func (s *Store[T]) Close(token string) {
	s.mu.Lock()
	delete(s.all, token)
	s.mu.Unlock()
}

// CloseAll ends all sessions.
func (s *Store[T]) CloseAll() {
	s.mu.Lock()
	s.all = map[string]*entry[T]{}
	s.mu.Unlock()
}
