package profile

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/leakguard/leakguard/internal/words"
)

// Unknown is the value of a [Bytes], [Count] or [MilliCPU] that this platform,
// kernel or toolchain does not report. It is negative, so that a check whether
// it exceeds a threshold is false without a special case. It is never 0,
// because 'no shared memory' and 'unknown' are different findings.
const Unknown = -1

// Bytes is an amount of memory in bytes, or [Unknown].
type Bytes int64

// Count is a number of things, or [Unknown].
type Count int64

// Known reports whether the amount is known.
func (b Bytes) Known() bool { return b >= 0 }

// Known reports whether the number is known.
func (c Count) Known() bool { return c >= 0 }

// String returns the amount in the largest binary unit in which it is at least
// 1, such as '466.2 MiB', or '?' if it is unknown.
func (b Bytes) String() string {
	return words.Bytes(int64(b))
}

// MilliCPU is CPU use in thousandths of a core, which Kubernetes writes with
// the suffix m, or [Unknown].
type MilliCPU int64

// Known reports whether the amount is known.
func (c MilliCPU) Known() bool { return c >= 0 }

// String returns the amount as a share of one core, such as '11% of a core', as
// a number of cores from one core on, such as '2.40 cores', or '?' if it is
// unknown.
func (c MilliCPU) String() string {
	switch {
	case !c.Known():
		return "?"
	case c >= 1000:
		return fmt.Sprintf("%.2f cores", float64(c)/1000)
	default:
		return strconv.FormatFloat(float64(c)/10, 'f', -1, 64) + "% of a core"
	}
}

// String returns the number with a comma between thousands, such as '12,345',
// or '?' if it is unknown.
func (c Count) String() string {
	return words.Count(int64(c))
}

// MarshalJSON writes an integer, or null for an unknown amount.
func (b Bytes) MarshalJSON() ([]byte, error) { return marshalQuantity(int64(b)) }

// MarshalJSON writes an integer, or null for an unknown number.
func (c Count) MarshalJSON() ([]byte, error) { return marshalQuantity(int64(c)) }

// MarshalJSON writes an integer, or null for an unknown amount.
func (c MilliCPU) MarshalJSON() ([]byte, error) { return marshalQuantity(int64(c)) }

// UnmarshalJSON reads what MarshalJSON writes.
func (c *MilliCPU) UnmarshalJSON(data []byte) error { return unmarshalQuantity(data, (*int64)(c)) }

// UnmarshalJSON reads what MarshalJSON writes.
func (b *Bytes) UnmarshalJSON(data []byte) error { return unmarshalQuantity(data, (*int64)(b)) }

// UnmarshalJSON reads what MarshalJSON writes.
func (c *Count) UnmarshalJSON(data []byte) error { return unmarshalQuantity(data, (*int64)(c)) }

func marshalQuantity(n int64) ([]byte, error) {
	if n < 0 {
		return []byte("null"), nil
	}
	return strconv.AppendInt(nil, n, 10), nil
}

func unmarshalQuantity(data []byte, n *int64) error {
	if bytes.Equal(data, []byte("null")) {
		*n = Unknown
		return nil
	}
	v, err := strconv.ParseInt(string(data), 10, 64)
	if err != nil || v < 0 {
		return fmt.Errorf("profile: quantity %q: want a whole number of at least 0, or null for unknown", data)
	}
	*n = v
	return nil
}
