package compact

import "math/rand/v2"

// threadRun is the run of equal stacks that a thread is in.
type threadRun struct {
	id      uint64
	elapsed uint64 // of the run's last sample
	last    uint32 // index of that sample, from 1; 0: no such thread
	stack   uint32
}

const threadRunBytes = 24

// threadTable has a threadRun for each thread seen, up to a limit. It is a hash table
// with open addressing: a Go map takes twice the memory, and we could not control how
// it grows.
type threadTable struct {
	runs []threadRun
	used int
	most int // the table never has more entries
	full bool
}

// newThreadTable returns a table for a payload of so many bytes. Even if each sample
// is of another thread, the table must not take more than a fixed share of the
// payload: a twentieth, or 8,192 threads in 196 KB, whichever is more. With what
// growing leaves behind, and everything else that a compaction allocates, this stays
// within a tenth.
func newThreadTable(payload int) threadTable {
	most := 8192
	for most*2*threadRunBytes <= payload/28 {
		most *= 2
	}
	return threadTable{runs: make([]threadRun, 64), most: most}
}

// get returns the entry of a thread, a new one with last 0, or nil if the table is
// full.
func (t *threadTable) get(id uint64) *threadRun {
	r := t.find(id)
	if r.last != 0 {
		return r
	}
	if t.used >= len(t.runs)-len(t.runs)/4 {
		if len(t.runs) >= t.most {
			t.full = true
			return nil
		}
		old := t.runs
		t.runs = make([]threadRun, 2*len(old))
		for i := range old {
			if old[i].last != 0 {
				*t.find(old[i].id) = old[i]
			}
		}
		r = t.find(id)
	}
	t.used++
	r.id = id
	return r
}

// threadSeed makes the places of threads in the table unpredictable: whatever the ids
// have in common, they do not fall together.
var threadSeed = rand.Uint64()

func (t *threadTable) find(id uint64) *threadRun {
	mask := uint64(len(t.runs) - 1)
	// The finalizer of MurmurHash3: each bit of the id changes half of the bits.
	h := id ^ threadSeed
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	for h ^= h >> 33; ; h++ {
		r := &t.runs[h&mask]
		if r.last == 0 || r.id == id {
			return r
		}
	}
}

func (t *threadTable) has(id uint64) bool { return t.find(id).last != 0 }
