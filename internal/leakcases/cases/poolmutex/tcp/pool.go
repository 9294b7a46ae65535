// Package tcp puts captured packets together to messages.
package tcp

import "sync"

// Packet is a captured packet.
type Packet struct {
	Conn    string
	Payload []byte
}

type message struct {
	packets int
	bytes   int
}

// Pool has a message for each connection.
type Pool struct {
	mu       sync.Mutex
	messages map[string]*message
	complete chan message
}

// NewPool returns a pool with room for n complete messages.
func NewPool(n int) *Pool {
	return &Pool{messages: map[string]*message{}, complete: make(chan message, n)}
}

// Handle takes a packet from the capture without keeping it waiting.
func (p *Pool) Handle(pkt Packet) {
	go p.dispatch(pkt)
}

func (p *Pool) dispatch(pkt Packet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.messages[pkt.Conn]
	if m == nil {
		m = &message{}
		p.messages[pkt.Conn] = m
	}
	m.packets++
	m.bytes += len(pkt.Payload)
	if m.packets == 4 {
		delete(p.messages, pkt.Conn)
		p.complete <- *m
	}
}

// Drain reads what is complete.
func (p *Pool) Drain() {
	go func() {
		for range p.complete {
		}
	}()
}
