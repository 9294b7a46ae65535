package budget

import (
	"math/bits"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// PredictCapture returns how many bytes a capture of the kind will allocate,
// given a reading of the process. It estimates too much rather than too little,
// except for deep and distinct stacks. An unknown quantity of the reading
// counts as 0.
func PredictCapture(kind profile.Kind, r *incident.Reading) int64 {
	n := int64(encoderBytes)
	switch kind {
	case profile.Goroutine, profile.GoroutineLeak:
		n += goroutineBytes * int64(max(r.Goroutines, 0))
	case profile.Heap, profile.Allocs:
		n += 2 * max(int64(r.BuckHashSys)-bucketTableBytes, 0)
	}
	return n
}

// PredictGoroutineText returns how many bytes the text form of a goroutine profile
// will allocate.
func PredictGoroutineText(r *incident.Reading) int64 {
	// The runtime doubles its buffer until the text fits.
	return 1<<20 + 2*textBytes*int64(max(r.Goroutines, 0))
}

const (
	// encoderBytes is the cost of any profile: the compressor's tables and the
	// first symbols.
	encoderBytes = 1280 << 10
	// goroutineBytes is the cost of a goroutine with a stack of usual depth:
	// 250 bytes if many stacks are equal, 1.5 KB if each is deep and distinct.
	goroutineBytes = 512
	// bucketTableBytes is the fixed part of BuckHashSys, the runtime's hash
	// table of 179,999 pointers.
	bucketTableBytes = 179_999 * bits.UintSize / 8
	// textBytes is the most that a goroutine takes in the text format.
	textBytes = 2 << 10
)
