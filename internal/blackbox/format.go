package blackbox

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"time"
)

const (
	magic = "leakgbox"
	// version of the format; the package comment says when it changes.
	version = 1

	headSize   = 4 << 10
	headerAt   = 24 // after magic, version, length, checksum and 4 zero bytes
	stateAt    = headSize - 128
	headerMost = stateAt - headerAt

	slotHead = 24
	slotSize = 256
	noteSize = 512

	recentSlots = 512
	minuteSlots = 128
	noteSlots   = 128

	// MostColumns is the largest number of values in a sample.
	MostColumns = (slotSize - slotHead) / 8
	// mostBytes is the largest file that a reader accepts.
	mostBytes = 256 << 10
	// MostText is the number of bytes of a note that are kept.
	MostText = noteSize - slotHead
)

var table = crc32.MakeTable(crc32.Castagnoli)

// Header identifies the process that a box belongs to. It is written once.
type Header struct {
	PID     int       `json:"pid"`
	Started time.Time `json:"started"` // when the box was created
	// Boot identifies this boot of the kernel; "" if unknown.
	Boot string `json:"boot"`
	Host string `json:"host"`
	// Group is the path of the memory cgroup. GroupID distinguishes it from other
	// groups that had the same path. Both are "" if there is none.
	Group   string `json:"group"`
	GroupID string `json:"group_id"`
	// Every is the longest time that a live process goes without a sample.
	Every time.Duration `json:"every_ns"`
	// Crash is the name of the file in the same folder that receives the trace of a
	// fatal panic, or "" if there is none.
	Crash string `json:"crash"`
	// Columns are the names of the values of a sample.
	Columns []string `json:"columns"`
	// About is the owner's own description, for readers that understand it.
	About json.RawMessage `json:"about,omitempty"`

	layout
}

// layout is the division of the file into head and rings.
type layout struct {
	Slot   int `json:"slot_bytes"`
	Recent int `json:"recent"`
	Minute int `json:"minute"`
	Text   int `json:"note_bytes"`
	Notes  int `json:"notes"`
}

var ours = layout{Slot: slotSize, Recent: recentSlots, Minute: minuteSlots, Text: noteSize, Notes: noteSlots}

// bytes returns the size of such a file, or an error if the layout is impossible.
func (l layout) bytes() (int, error) {
	for _, n := range []int{l.Slot, l.Recent, l.Minute, l.Text, l.Notes} {
		if n < 0 || n > mostBytes {
			return 0, fmt.Errorf("impossible layout: a part of %d bytes or slots", n)
		}
	}
	if l.Slot < slotHead || l.Text < slotHead || l.Slot%8 != 0 {
		return 0, fmt.Errorf("impossible layout: slots of %d and %d bytes", l.Slot, l.Text)
	}
	n := int64(headSize) + int64(l.Slot)*(int64(l.Recent)+int64(l.Minute)) + int64(l.Text)*int64(l.Notes)
	if n > mostBytes {
		return 0, fmt.Errorf("%d bytes", n)
	}
	return int(n), nil
}

// The states of a box.
const (
	stateOpen  = 0
	stateClean = 1 // clean exit
	stateTold  = 2 // its death has been reported
)

var (
	errNotOurs = errors.New("not a black box")
	// ErrNewer is returned for a box of a newer format.
	ErrNewer = errors.New("written by a newer version of this library: update the program that reads it")
)

// encodeHead encodes the first page.
func encodeHead(h Header) ([]byte, error) {
	if len(h.Columns) > MostColumns {
		return nil, fmt.Errorf("%d columns: want at most %d", len(h.Columns), MostColumns)
	}
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if len(text) > headerMost {
		return nil, fmt.Errorf("a header of %d bytes: want at most %d", len(text), headerMost)
	}
	page := make([]byte, headSize)
	copy(page, magic)
	le := binary.LittleEndian
	le.PutUint32(page[8:], version)
	le.PutUint32(page[12:], uint32(len(text)))
	le.PutUint32(page[16:], crc32.Checksum(text, table))
	copy(page[headerAt:], text)
	copy(page[stateAt:], encodeState(stateOpen))
	return page, nil
}

func encodeState(state byte) []byte {
	b := make([]byte, 8)
	b[4] = state
	binary.LittleEndian.PutUint32(b, crc32.Checksum(b[4:], table))
	return b
}

// decodeHead decodes the first page.
func decodeHead(data []byte) (h Header, state byte, err error) {
	le := binary.LittleEndian
	if len(data) < headSize || string(data[:len(magic)]) != magic {
		return h, 0, errNotOurs
	}
	if v := le.Uint32(data[8:]); v > version {
		return h, 0, fmt.Errorf("format %d, newest known %d: %w", v, version, ErrNewer)
	}
	n := le.Uint32(data[12:])
	if n > headerMost {
		return h, 0, errNotOurs
	}
	text := data[headerAt : headerAt+int(n)]
	if crc32.Checksum(text, table) != le.Uint32(data[16:]) {
		return h, 0, errors.New("the header is damaged")
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, 0, fmt.Errorf("decode the header: %w", err)
	}
	if _, err := h.bytes(); err != nil {
		return h, 0, fmt.Errorf("decode the header: %w", err)
	}
	// A state that was only half written does not count.
	if b := data[stateAt : stateAt+8]; crc32.Checksum(b[4:], table) == le.Uint32(b) {
		state = b[4]
	}
	return h, state, nil
}

// putSlot fills in the head of a slot that already has its payload.
func putSlot(slot []byte, used int, seq uint64, at time.Time) {
	le := binary.LittleEndian
	le.PutUint32(slot[4:], uint32(used))
	le.PutUint64(slot[8:], seq)
	le.PutUint64(slot[16:], uint64(at.UnixNano()))
	le.PutUint32(slot, crc32.Checksum(slot[4:], table))
}

// slotView is a slot that was read.
type slotView struct {
	seq  uint64
	at   time.Time
	used int
	data []byte
}

// readRing returns the intact slots of a ring, oldest first, and the number of torn
// ones.
func readRing(ring []byte, size, count int) (slots []slotView, torn int) {
	le := binary.LittleEndian
	for i := range count {
		b := ring[i*size : (i+1)*size]
		s := slotView{seq: le.Uint64(b[8:]), at: time.Unix(0, int64(le.Uint64(b[16:]))), used: int(min(le.Uint32(b[4:]), math.MaxInt32)), data: b[slotHead:]}
		if s.seq == 0 && le.Uint32(b) == 0 {
			continue // never written
		}
		if crc32.Checksum(b[4:], table) != le.Uint32(b) || s.seq == 0 || (s.seq-1)%uint64(count) != uint64(i) {
			torn++
			continue
		}
		slots = append(slots, s)
	}
	slices.SortFunc(slots, func(a, b slotView) int { return cmp.Compare(a.seq, b.seq) })
	return slots, torn
}
