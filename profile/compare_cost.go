package profile

// PredictCompare says how many bytes reading and comparing profiles allocates
// in all, from the sizes of their files, compressed. It is conservative: a heap
// profile of 50,000 stacks is 2.2 MiB and takes 72 MiB of allocations, of which
// about two thirds are in use at a time; the more alike the stacks, the smaller the file for
// them, and measured profiles take 35 to 80 times their size. It holds for what
// the runtime writes, not for a file that is made to deceive; [Read] bounds that.
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
