// Package bus asks services over NATS.
package bus

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

var errNoAnswer = errors.New("bus: no answer")

// Bus is a connection.
type Bus struct{ conn *nats.Conn }

// Connect connects.
func Connect(url string) (*Bus, error) {
	nc, err := nats.Connect(url)
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	return &Bus{nc}, nil
}

// Ask sends a question and returns the number of bytes of the answer.
func (b *Bus) Ask(subject string, question []byte) (int, error) {
	inbox := b.conn.NewRespInbox()
	answers := make(chan int, 1)
	_, err := b.conn.Subscribe(inbox, func(m *nats.Msg) {
		select {
		case answers <- len(m.Data) - len(question):
		default: // a second answer
		}
	})
	if err != nil {
		return 0, fmt.Errorf("bus: %w", err)
	}
	if err := b.conn.PublishRequest(subject, inbox, question); err != nil {
		return 0, fmt.Errorf("bus: %w", err)
	}
	select {
	case n := <-answers:
		return n + len(question), nil
	case <-time.After(2 * time.Second):
		return 0, errNoAnswer
	}
}

// Close closes the connection, and with it all subscriptions.
func (b *Bus) Close() { b.conn.Close() }
