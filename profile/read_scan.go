package profile

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// What the parser allocates for each thing it finds, in bytes on a 64-bit
// platform, rounded up to size classes and with the slack of growing slices.
// The figures are measured; a test asserts that the parser never takes more.
const (
	costInList   = 6 * 8 // a pointer in a long list, which grows by a quarter each time
	costInMap    = 100   // an entry in a map keyed by number
	costSample   = 128 + costInList
	costValue    = 2 * 8
	costLocation = 2*8 + 8 // a sample's location: its number, then a pointer
	costLabels   = 3 * 48  // three maps for each sample with labels
	costGroup    = 352     // each of these maps that is used, for up to eight labels
	costLabel    = 2*40 + 32
	costManyMore = 3 * 96 // each label, if there are more than eight
	costMapping  = 160 + costInList + costInMap
	costPlace    = 96 + costInList + costInMap
	costLine     = 7 * 32
	costFunction = 112 + costInList + costInMap
	costType     = 48 + costInList
	costString   = 7 * 16
	costComment  = 2*8 + 6*16
)

// scanProfile walks through the structure of a profile and returns how many
// bytes its parsed form takes. The parser itself has no limit.
func scanProfile(raw []byte) (size int64, err error) {
	times := 0
	err = scanFields(raw, func(field, _ int, data []byte) error {
		var err error
		switch field {
		case 1, 11:
			size += costType
		case 2:
			size += costSample
			err = scanSample(data, &size)
		case 3:
			size += costMapping
		case 4:
			size += costPlace
			err = scanFields(data, func(field, _ int, _ []byte) error {
				if field == 4 {
					size += costLine
				}
				return nil
			})
		case 5:
			size += costFunction
		case 6:
			size += costString + int64(len(data))
		case 9:
			times++
		case 13:
			size += costComment * int64(max(1, varints(data)))
		}
		return err
	})
	if err == nil && times > 1 {
		err = fmt.Errorf("%w but several profiles in one file: split them", ErrNotProfile)
	}
	return size, err
}

func scanSample(raw []byte, size *int64) error {
	labels, used := 0, 0
	err := scanFields(raw, func(field, wire int, data []byte) error {
		n := int64(1)
		if wire == 2 {
			n = int64(varints(data))
		}
		switch field {
		case 1:
			*size += costLocation * n
		case 2:
			*size += costValue * n
		case 3:
			labels++
			return scanFields(data, func(field, _ int, _ []byte) error {
				used |= 1 << min(max(0, field), 5)
				return nil
			})
		}
		return nil
	})
	if labels > 0 {
		*size += costLabels + costLabel*int64(labels)
		for _, field := range []int{2, 3, 4} { // a string, a number, its unit
			if used>>field&1 == 1 {
				*size += costGroup
			}
		}
		if labels > 8 {
			*size += costManyMore * int64(labels)
		}
	}
	return err
}

// scanFields calls do for each field of a message. data holds the bytes of
// fields with wire type 2; it is nil for others.
func scanFields(raw []byte, do func(field, wire int, data []byte) error) error {
	for len(raw) > 0 {
		tag, n := binary.Uvarint(raw)
		if n <= 0 {
			return damaged(n)
		}
		raw = raw[n:]
		var data []byte
		wire := int(tag & 7)
		switch wire {
		case 0:
			if _, n = binary.Uvarint(raw); n <= 0 {
				return damaged(n)
			}
		case 1:
			n = 8
		case 5:
			n = 4
		case 2:
			length, head := binary.Uvarint(raw)
			if head <= 0 {
				return damaged(head)
			}
			if length > uint64(len(raw)-head) {
				return fmt.Errorf("%w, or it is not a pprof profile", errTruncated)
			}
			n = head + int(length)
			data = raw[head:n]
		default:
			return fmt.Errorf("%w: it has the unknown wire type %d", ErrNotProfile, wire)
		}
		if n > len(raw) {
			return damaged(0)
		}
		if err := do(int(tag>>3), wire, data); err != nil {
			return err
		}
		raw = raw[n:]
	}
	return nil
}

// damaged returns the error that a failed [binary.Uvarint] stands for.
func damaged(n int) error {
	if n == 0 {
		return fmt.Errorf("%w, or it is not a pprof profile", errTruncated)
	}
	return fmt.Errorf("%w: %w", ErrNotProfile, errors.New("it has a number of more than 64 bits"))
}

// varints returns how many numbers a packed list has.
func varints(data []byte) (n int) {
	for _, c := range data {
		if c < 0x80 {
			n++
		}
	}
	return n
}
