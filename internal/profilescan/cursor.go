package profilescan

import (
	"encoding/binary"
	"errors"
	"io"
)

// cursor reads the wire format of protocol buffers, in memory or from a stream.
type cursor struct {
	buf  []byte // what is there and not yet used
	from io.Reader
	page []byte
	at   int64 // position of buf
	size int64 // of the whole; -1 if it is unknown, for a stream
}

// fill reads more of the stream if there is nothing left. It returns io.EOF at the end.
func (c *cursor) fill() error {
	for len(c.buf) == 0 {
		if c.from == nil {
			return io.EOF
		}
		n, err := c.from.Read(c.page)
		if c.buf = c.page[:n]; n == 0 && err != nil {
			return err
		}
	}
	return nil
}

func (c *cursor) use(n int) { c.buf, c.at = c.buf[n:], c.at+int64(n) }

// within is fill where the profile must go on.
func (c *cursor) within() error {
	err := c.fill()
	if errors.Is(err, io.EOF) {
		return ErrTruncated
	}
	return err
}

func (c *cursor) varint() (uint64, error) {
	v, n := binary.Uvarint(c.buf)
	if n > 0 {
		c.use(n)
		return v, nil
	}
	// It is too long, or goes on in the next page.
	v = 0
	for shift := 0; shift < 70; shift += 7 {
		if err := c.within(); err != nil {
			return 0, err
		}
		b := c.buf[0]
		c.use(1)
		if shift == 63 && b > 1 {
			break
		}
		if v |= uint64(b&0x7f) << shift; b < 0x80 {
			return v, nil
		}
	}
	return 0, damaged("it has a number of more than 64 bits")
}

// skip goes on at a position.
func (c *cursor) skip(to int64) error {
	for c.at < to {
		if err := c.within(); err != nil {
			return err
		}
		c.use(int(min(to-c.at, int64(len(c.buf)))))
	}
	return nil
}

// varints counts the numbers of a packed list that ends at a position, and goes there.
func (c *cursor) varints(end int64) (n int64, err error) {
	for c.at < end {
		if err := c.within(); err != nil {
			return n, err
		}
		part := c.buf[:min(end-c.at, int64(len(c.buf)))]
		for _, b := range part {
			if b < 0x80 {
				n++
			}
		}
		c.use(len(part))
	}
	return n, nil
}

// fields calls do for each field of a message that ends at a position; -1 is the end of
// the stream. For fields with wire type 2 the cursor is then at the field's bytes, and end
// is where they end; do may use them.
func (c *cursor) fields(end int64, do func(field, wire int, end int64) error) error {
	for {
		if end >= 0 && c.at >= end {
			return nil
		}
		if end < 0 {
			if err := c.fill(); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
		}
		tag, err := c.varint()
		if err != nil {
			return err
		}
		wire, next := int(tag&7), int64(0)
		switch wire {
		case 0:
			_, err = c.varint()
			next = c.at
		case 1:
			next = c.at + 8
		case 5:
			next = c.at + 4
		case 2:
			var length uint64
			length, err = c.varint()
			if length > 1<<40 {
				return ErrTruncated // no profile is that large
			}
			next = c.at + int64(length)
		default:
			return damaged("it has the unknown wire type %d", wire)
		}
		if err != nil {
			return err
		}
		if end >= 0 && next > end {
			return ErrTruncated
		}
		if err := do(int(tag>>3), wire, next); err != nil {
			return err
		}
		if err := c.skip(next); err != nil {
			return err
		}
	}
}
