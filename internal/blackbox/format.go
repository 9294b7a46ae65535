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
	// version of the format; see the package comment for what changes it.
	version = 1

	headSize   = 4 << 10
	headerAt   = 24 // after magic, version, length, checksum and 4 bytes of nothing
	stateAt    = headSize - 128
	headerMost = stateAt - headerAt

	slotHead = 24
	slotSize = 256
	noteSize = 512

	recentSlots = 512
	minuteSlots = 128
	noteSlots   = 128

	// MostColumns is how many values a sample may have.
	MostColumns = (slotSize - slotHead) / 8
	// mostBytes is how much a reader takes for a box of ours.
	mostBytes = 256 << 10
	// MostText is how many bytes of a note are kept.
	MostText = noteSize - slotHead
)

var table = crc32.MakeTable(crc32.Castagnoli)

// Header says whose box it is. It is written once.
type Header struct {
	PID     int       `json:"pid"`
	Started time.Time `json:"started"` // when the box was made
	// Boot identifies the run of the kernel; "" where that is not known.
	Boot string `json:"boot"`
	Host string `json:"host"`
	// Group is the path of the memory cgroup and GroupID what tells it from
	// another of the same path; "" where there is none.
	Group   string `json:"group"`
	GroupID string `json:"group_id"`
	// Every is how long a process that lives goes without a sample, at most.
	Every time.Duration `json:"every_ns"`
	// Crash is the name of the file, in the same folder, that gets the trace of a
	// fatal panic; "" where there is none.
	Crash string `json:"crash"`
	// Columns are the names of the values of a sample.
	Columns []string `json:"columns"`
	// About is what the owner says of itself, for a reader of its own kind.
	About json.RawMessage `json:"about,omitempty"`

	layout
}

// layout is how the file is divided.
type layout struct {
	Slot   int `json:"slot_bytes"`
	Recent int `json:"recent"`
	Minute int `json:"minute"`
	Text   int `json:"note_bytes"`
	Notes  int `json:"notes"`
}

var ours = layout{Slot: slotSize, Recent: recentSlots, Minute: minuteSlots, Text: noteSize, Notes: noteSlots}

// bytes is how large such a file is, or an error if it cannot be.
func (l layout) bytes() (int, error) {
	for _, n := range []int{l.Slot, l.Recent, l.Minute, l.Text, l.Notes} {
		if n < 0 || n > mostBytes {
			return 0, fmt.Errorf("a part of %d bytes or slots", n)
		}
	}
	if l.Slot < slotHead || l.Text < slotHead || l.Slot%8 != 0 {
		return 0, fmt.Errorf("slots of %d and %d bytes", l.Slot, l.Text)
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
	stateClean = 1 // the process took its leave
	stateTold  = 2 // its death was reported
)

var (
	errNotOurs = errors.New("it is no black box")
	// ErrNewer is what a box of a newer version is refused with.
	ErrNewer = errors.New("it is of a newer version of this library: update the program that reads it")
)

// encodeHead makes the first page.
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

// decodeHead reads the first page.
func decodeHead(data []byte) (h Header, state byte, err error) {
	le := binary.LittleEndian
	if len(data) < headSize || string(data[:len(magic)]) != magic {
		return h, 0, errNotOurs
	}
	if v := le.Uint32(data[8:]); v > version {
		return h, 0, fmt.Errorf("format %d, known is %d: %w", v, version, ErrNewer)
	}
	n := le.Uint32(data[12:])
	if n > headerMost {
		return h, 0, errNotOurs
	}
	text := data[headerAt : headerAt+int(n)]
	if crc32.Checksum(text, table) != le.Uint32(data[16:]) {
		return h, 0, errors.New("its header is damaged")
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, 0, fmt.Errorf("its header: %w", err)
	}
	if _, err := h.bytes(); err != nil {
		return h, 0, fmt.Errorf("its header: %w", err)
	}
	// A state that was half written is none.
	if b := data[stateAt : stateAt+8]; crc32.Checksum(b[4:], table) == le.Uint32(b) {
		state = b[4]
	}
	return h, state, nil
}

// putSlot fills in the head of a slot whose payload is there.
func putSlot(slot []byte, used int, seq uint64, at time.Time) {
	le := binary.LittleEndian
	le.PutUint32(slot[4:], uint32(used))
	le.PutUint64(slot[8:], seq)
	le.PutUint64(slot[16:], uint64(at.UnixNano()))
	le.PutUint32(slot, crc32.Checksum(slot[4:], table))
}

// slotView is one that was read.
type slotView struct {
	seq  uint64
	at   time.Time
	used int
	data []byte
}

// readRing returns the slots of a ring that are whole, oldest first, and how many
// are not.
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
