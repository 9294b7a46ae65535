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

// PredictGoroutines is [PredictCapture] of a goroutine profile where the mean length of
// their stacks is known, in frames.
func PredictGoroutines(goroutines int64, frames float64) int64 {
	if frames > mostFrames {
		frames *= 2 // a census does not see the rest
	}
	return encoderBytes + int64(float64(max(goroutines, 0))*(stackBytes+frameBytes*frames))
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
	// goroutineBytes is the cost of a goroutine whose stack has ten frames, with those of
	// the runtime.
	goroutineBytes = 512
	// A goroutine costs its record and, for each frame, its address and a text of that,
	// in buffers that double. Measured were 0.25 KB for 7 frames, 0.4 KB for 8, 0.8 KB for
	// 16 and 1.7 KB for 38. Stacks that are distinct cost 0.5 KB more each.
	stackBytes = 48
	frameBytes = 54
	// mostFrames is the mean from which on many stacks are longer than what a census
	// sees, 32 frames.
	mostFrames = 24
	// bucketTableBytes is the fixed part of BuckHashSys, the runtime's hash
	// table of 179,999 pointers.
	bucketTableBytes = 179_999 * bits.UintSize / 8
	// textBytes is the most that a goroutine takes in the text format.
	textBytes = 2 << 10
)
