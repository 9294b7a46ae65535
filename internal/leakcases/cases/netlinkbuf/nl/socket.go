// Package nl reads messages of the kernel's neighbour table.
package nl

import (
	"encoding/binary"
	"errors"
	"net"
	"time"
)

// receiveBuffer is as large as a message can be.
const receiveBuffer = 64 << 10

const headerLen = 8

// ErrShort says that a message has no header.
var ErrShort = errors.New("nl: short message")

// Message is one message.
type Message struct {
	Type, Flags uint16
	Data        []byte
}

// Socket receives messages.
type Socket struct{ conn net.Conn }

// Subscribe asks addr for its messages.
func Subscribe(addr string) (*Socket, error) {
	c, err := net.Dial("udp", addr)
	if err != nil {
		return nil, err
	}
	_, err = c.Write([]byte("subscribe"))
	return &Socket{c}, err
}

// Close ends it.
func (s *Socket) Close() error { return s.conn.Close() }

// Receive waits for the next messages.
func (s *Socket) Receive() ([]Message, error) {
	rb := make([]byte, receiveBuffer)
	s.conn.SetReadDeadline(time.Now().Add(time.Second))
	n, err := s.conn.Read(rb)
	if err != nil {
		return nil, err
	}
	if n < headerLen {
		return nil, ErrShort
	}
	return parse(rb[:n])
}

func parse(b []byte) (all []Message, err error) {
	for len(b) >= headerLen {
		n := int(binary.BigEndian.Uint32(b))
		if n < headerLen || n > len(b) {
			return all, ErrShort
		}
		all = append(all, Message{binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:]), b[headerLen:n]})
		b = b[n:]
	}
	return all, nil
}

// Append encodes a message.
func Append(b []byte, m Message) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(headerLen+len(m.Data)))
	b = binary.BigEndian.AppendUint16(b, m.Type)
	b = binary.BigEndian.AppendUint16(b, m.Flags)
	return append(b, m.Data...)
}
