package compact

import "math/bits"

// bitset is a set of small numbers, with a bit for each possible one.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) add(i int)      { b[i>>6] |= 1 << (i & 63) }
func (b bitset) has(i int) bool { return b[i>>6]>>(i&63)&1 != 0 }

func (b bitset) len() (n int) {
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// rank tells for each member of a bitset how many members come before it, which is
// its index once the other elements are gone.
type rank struct {
	set    bitset
	before []uint32 // members before each word
}

func newRank(n int) rank { return rank{newBitset(n), make([]uint32, (n+63)/64)} }

// index counts the members. The set must not change afterwards.
func (r rank) index() {
	n := 0
	for i, w := range r.set {
		r.before[i] = uint32(n)
		n += bits.OnesCount64(w)
	}
}

func (r rank) of(i int) int {
	return int(r.before[i>>6]) + bits.OnesCount64(r.set[i>>6]&(1<<(i&63)-1))
}
