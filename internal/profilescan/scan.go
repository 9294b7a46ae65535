package profilescan

import (
	"errors"
	"fmt"
	"io"
)

// What the parser allocates for each thing it finds, in bytes on a 64-bit
// platform, rounded up to size classes and with the slack of growing slices.
// The figures are measured; a test of package profile asserts that the parser never
// takes more.
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

// Found is what a profile holds.
type Found struct {
	Bytes  int64 // uncompressed
	Parsed int64 // bytes that the parser allocates
	// Samples are stacks with their values. Frames is the sum of the samples' locations,
	// at most [MostFrames] of each. Labeled are the samples with labels that are texts.
	Samples, Frames, Labeled int64
	// Locations have Lines in all, MostLines at most in one of them.
	Locations, Lines, MostLines int64
	Functions, Strings          int64
	Profiles                    int // 0 or 1, or more if the file holds several, one after the other
}

// MostFrames is how many locations of one sample count as frames.
const MostFrames = 1024

// The errors of a scan, besides those of the reader.
var (
	ErrTruncated = errors.New("the profile ends too early")
	ErrDamaged   = errors.New("no profile in the pprof format")
)

// Bytes scans an uncompressed profile.
func Bytes(raw []byte) (Found, error) { return scan(&cursor{buf: raw, size: int64(len(raw))}) }

// Reader scans an uncompressed profile that r reads.
func Reader(r io.Reader) (Found, error) {
	return scan(&cursor{from: r, page: make([]byte, 16<<10), size: -1})
}

func scan(c *cursor) (f Found, err error) {
	err = c.fields(c.size, func(field, _ int, end int64) (err error) {
		switch field {
		case 1, 11:
			f.Parsed += costType
		case 2:
			f.Parsed += costSample
			f.Samples++
			err = f.sample(c, end)
		case 3:
			f.Parsed += costMapping
		case 4:
			f.Parsed += costPlace
			f.Locations++
			lines := int64(0)
			err = c.fields(end, func(field, _ int, _ int64) error {
				if field == 4 {
					lines++
				}
				return nil
			})
			f.Parsed += costLine * lines
			f.Lines, f.MostLines = f.Lines+lines, max(f.MostLines, lines)
		case 5:
			f.Parsed += costFunction
			f.Functions++
		case 6:
			f.Parsed += costString + end - c.at
			f.Strings++
		case 9:
			f.Profiles++
		case 13:
			n, err := c.varints(end)
			f.Parsed += costComment * max(1, n)
			return err
		}
		return err
	})
	f.Bytes = c.at
	return f, err
}

func (f *Found) sample(c *cursor, end int64) error {
	labels, used, frames := int64(0), 0, int64(0)
	err := c.fields(end, func(field, wire int, end int64) (err error) {
		n := int64(1)
		switch field {
		case 1, 2:
			if wire == 2 {
				n, err = c.varints(end)
			}
			if field == 1 {
				f.Parsed += costLocation * n
				frames += n
			} else {
				f.Parsed += costValue * n
			}
		case 3:
			labels++
			err = c.fields(end, func(field, _ int, _ int64) error {
				used |= 1 << min(max(0, field), 5)
				return nil
			})
		}
		return err
	})
	f.Frames += min(frames, MostFrames)
	if labels > 0 {
		f.Parsed += costLabels + costLabel*labels
		for _, field := range []int{2, 3, 4} { // a string, a number, its unit
			if used>>field&1 == 1 {
				f.Parsed += costGroup
			}
		}
		f.Labeled += int64(used >> 2 & 1)
		if labels > 8 {
			f.Parsed += costManyMore * labels
		}
	}
	return err
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}
