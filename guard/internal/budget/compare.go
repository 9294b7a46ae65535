package budget

// largest is the largest size that [profile.Read] accepts, uncompressed.
const largest = 64 << 20

// largestParsed is the most that it accepts once it is parsed.
const largestParsed = 640 << 20

// PredictCompare returns how many bytes reading and comparing profiles will
// allocate in total, given the compressed sizes of their files. About three
// quarters of that are in use at a time.
//
// It estimates high: 128 times the size, and 320 times for the part between 8
// and 64 KiB. Heap profiles of programs as different as a small test and Go's
// own compiler took 33 to 111 times their size, and one of 40 KB took 240
// times. The factor is largest if stacks are alike, because those compress
// best. The estimate holds for profiles written by the runtime. [profile.Read]
// bounds files that are made to deceive.
func PredictCompare(sizes ...int64) int64 {
	const (
		fixed   = 2 << 20 // gzip, the lists and the flame graph
		perByte = 128
		// What a file of medium size takes in addition: one of 40 KB took 240
		// times its size, one of 4 KB 75 times.
		middle, large, perMiddleByte = 8 << 10, 64 << 10, 192
	)
	total := int64(fixed)
	for _, size := range sizes {
		size = min(max(0, size), largest)
		total += perByte*size + perMiddleByte*max(min(size, large)-middle, 0)
	}
	return total
}
