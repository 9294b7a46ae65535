// Package producer sends messages to the brokers of their partitions.
package producer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"sync"
	"time"
)

type envelope[T any] struct {
	Key      string
	Value    T
	Enqueued time.Time
	Attempts int
}

// Producer sends messages of one type.
type Producer[T any] struct {
	broker     string
	partitions uint32

	mu      sync.Mutex
	batch   []*envelope[T]
	pending map[uint32][][]byte // records to be sent again, by partition
}

// New returns a producer that sends ten times a second.
func New[T any](broker string, partitions uint32) *Producer[T] {
	p := &Producer[T]{broker: broker, partitions: partitions, pending: map[uint32][][]byte{}}
	go p.run()
	return p
}

// Produce hands over a message.
func (p *Producer[T]) Produce(key string, value T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.batch = append(p.batch, &envelope[T]{Key: key, Value: value, Enqueued: time.Now()})
}

func (p *Producer[T]) run() {
	for range time.Tick(100 * time.Millisecond) {
		p.mu.Lock()
		batch := p.batch
		p.batch = nil
		p.mu.Unlock()
		if len(batch) == 0 {
			continue
		}
		if err := p.send(batch); err != nil {
			p.retry(batch)
		}
	}
}

func (p *Producer[T]) send(batch []*envelope[T]) error {
	body, err := json.Marshal(batch)
	if err != nil {
		return fmt.Errorf("producer: %w", err)
	}
	resp, err := http.Post(p.broker, "application/json", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("producer: %w", err)
	}
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("producer: %s", resp.Status)
	}
	return nil
}

// retry keeps messages as records until their broker has a leader again.
func (p *Producer[T]) retry(batch []*envelope[T]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range batch {
		h := fnv.New32a()
		h.Write([]byte(e.Key))
		part := h.Sum32() % p.partitions
		e.Attempts++
		if record, err := json.Marshal(e); err == nil {
			p.pending[part] = append(p.pending[part], record)
		}
	}
}

// Pending returns how many messages wait for another try.
func (p *Producer[T]) Pending() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, list := range p.pending {
		n += len(list)
	}
	return n
}
