package budget

// PredictCompare says how many bytes reading and comparing profiles allocates
// in all, from the sizes of their files, compressed. It is conservative: heap
// profiles of programs as different as a small test and Go's own compiler took
// 33 to 111 times their size, the more the more alike their stacks, as those
// compress best, and one of 40 KB 240 times; it says 128 times, and 320 times of
// what is between 8 and 64 KiB. Of that about three quarters are in use at a
// time. It holds for what the runtime writes, not for a file that is made to
// deceive, which [profile.Read] bounds.
func PredictCompare(sizes ...int64) int64 {
	const (
		largest = 64 << 20 // what Read takes at most, uncompressed
		fixed   = 2 << 20  // gzip, the lists and the flame graph
		perByte = 128
		// What a file of middle size takes more: one of 40 KB took 240 times
		// its size, one of 4 KB 75 times.
		middle, large, perMiddleByte = 8 << 10, 64 << 10, 192
	)
	total := int64(fixed)
	for _, size := range sizes {
		size = min(max(0, size), largest)
		total += perByte*size + perMiddleByte*max(min(size, large)-middle, 0)
	}
	return total
}
