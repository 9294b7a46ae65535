package profile

// PredictCompare says how many bytes reading and comparing profiles allocates
// in all, from the sizes of their files, compressed. It is conservative: heap
// profiles of programs as different as a small test and Go's own compiler took
// 33 to 111 times their size, the more the more alike their stacks, as those
// compress best; it says 128 times. Of that about three quarters are in use at a
// time. It holds for what the runtime writes, not for a file that is made to
// deceive, which [Read] bounds.
func PredictCompare(sizes ...int64) int64 {
	const (
		perByte = 128
		fixed   = 2 << 20 // gzip, the lists and the flame graph
	)
	total := int64(fixed)
	for _, size := range sizes {
		total += perByte * min(max(0, size), maxRawProfile)
	}
	return total
}
