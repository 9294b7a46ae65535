package budget

import (
	"math/bits"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// PredictCapture says how many bytes a capture of the kind is going to
// allocate, given a reading of the process, so that whoever is short of memory
// can leave it. It errs on the high side for all but deep and different stacks.
// A quantity that the reading does not know counts as none.
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

// PredictGoroutineText says how many bytes [profile.CaptureGoroutineText] is going to
// allocate.
func PredictGoroutineText(r *incident.Reading) int64 {
	// The runtime doubles its buffer until the text fits.
	return 1<<20 + 2*textBytes*int64(max(r.Goroutines, 0))
}

const (
	// encoderBytes is what any profile costs: the compressor's tables and
	// the first symbols.
	encoderBytes = 1280 << 10
	// goroutineBytes is what one goroutine costs with stacks of usual depth:
	// 250 bytes where many stacks are equal, 1.5 KB where each is deep and
	// different.
	goroutineBytes = 512
	// bucketTableBytes is the fixed part of BuckHashSys, the runtime's hash
	// table of 179,999 pointers.
	bucketTableBytes = 179_999 * bits.UintSize / 8
	// textBytes is what one goroutine may take in the text form.
	textBytes = 2 << 10
)
