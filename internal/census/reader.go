package census

import (
	"fmt"
	"math/bits"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/leakguard/leakguard/internal/frames"
)

const (
	// depth is how many frames of a stack the runtime records:
	// len(StackRecord.Stack0).
	depth = 32
	// keptRecords is the largest buffer that is kept between censuses, 1 MiB. A
	// larger one would stay in the resident set for good.
	keptRecords = 4096
	// maxStacks bounds the cache of symbolised stacks.
	maxStacks = 4096
	// spare is how many goroutines may start between counting and recording them.
	spare = 64
)

// Reader takes censuses. It must be used by one goroutine at a time.
type Reader struct {
	main    string
	records []runtime.StackRecord
	stacks  map[uint64]*stack
	groups  []Group
	index   map[Key]int // into groups
	round   uint64
	pcs     float64 // mean stack length in the last census
	cost    time.Duration
}

// stack caches the meaning of one list of return addresses.
type stack struct {
	group   Group // Count is unused
	round   uint64
	current int // index of its group in that round
}

// NewReader returns a reader for a program whose main module is mainModule, as in
// [debug.BuildInfo]. If it is "", NewReader looks it up there.
func NewReader(mainModule string) *Reader {
	if mainModule == "" {
		if info, ok := debug.ReadBuildInfo(); ok {
			mainModule = info.Main.Path
		}
	}
	return &Reader{main: mainModule, stacks: make(map[uint64]*stack), index: make(map[Key]int), pcs: 16}
}

// Predict returns about how many bytes a census of that many goroutines allocates.
// Most of it is garbage as soon as Take returns.
func (r *Reader) Predict(goroutines int) int64 {
	n := int64(goroutines) + int64(goroutines)/16 + spare
	const word = bits.UintSize / 8
	record := int64(depth * word)
	if n <= int64(len(r.records)) {
		record = 0
	}
	// The runtime records into a slice of its own, with three words and the stack of
	// each goroutine, and copies that. Stacks are assumed to be half again as long as
	// in the last census, to allow for size classes and change.
	return n*(record+3*word+int64(1.5*word*r.pcs)) + 64<<10
}

// Depth returns the mean length of the stacks in the last census, in frames; 0: there was
// none. A stack counts as 32 frames at most.
func (r *Reader) Depth() float64 {
	if r.round == 0 {
		return 0
	}
	return r.pcs
}

// Cost returns the wall time of the last census. The CPU time on its own goroutine
// was at most that.
func (r *Reader) Cost() time.Duration { return r.cost }

// Take counts all goroutines by where they wait. The result belongs to the reader
// and is valid until the next call. Take stops the world for less than 0.1 ms,
// however many goroutines there are. It fails if goroutines keep starting faster
// than it can record them.
func (r *Reader) Take() ([]Group, error) {
	start := time.Now()
	records, err := r.record()
	if err != nil {
		return nil, err
	}
	r.round++
	r.groups = r.groups[:0]
	clear(r.index)
	pcs := 0
	for i := range records {
		rec := &records[i]
		hash, n := hashOf(rec)
		pcs += n
		s := r.stacks[hash]
		if s == nil {
			s = &stack{group: r.describe(rec.Stack0[:n])}
			r.stacks[hash] = s
		}
		if s.round != r.round {
			s.round, s.current = r.round, r.groupOf(s.group)
		}
		r.groups[s.current].Count++
	}
	if len(records) > 0 {
		r.pcs = float64(pcs) / float64(len(records))
	}
	r.forget()
	if len(r.records) > keptRecords {
		r.records = nil
	}
	r.cost = time.Since(start)
	return r.groups, nil
}

// record fills the buffer with the stacks of all goroutines.
func (r *Reader) record() ([]runtime.StackRecord, error) {
	const tries = 5
	found := 0
	for try := range tries {
		n := max(runtime.NumGoroutine(), found)
		// A burst of starts may go on, so leave twice the room after each failure.
		if n += (n/16 + spare) << try; n > len(r.records) {
			r.records = nil // do not hold both at once
			r.records = make([]runtime.StackRecord, n)
		}
		var ok bool
		if found, ok = runtime.GoroutineProfile(r.records); ok {
			return r.records[:found], nil
		}
	}
	return nil, fmt.Errorf("census: cannot record %d goroutines: more started between counting and recording, in each of %d attempts", runtime.NumGoroutine(), tries)
}

// groupOf returns the index of g's group in this round, adding it if it is new.
func (r *Reader) groupOf(g Group) int {
	i, ok := r.index[g.Key]
	if !ok {
		i = len(r.groups)
		r.index[g.Key] = i
		r.groups = append(r.groups, g)
	}
	return i
}

// forget keeps the cache within its bound. It drops the stacks that were not seen
// this time or, if that is not enough, all of them.
func (r *Reader) forget() {
	if len(r.stacks) <= maxStacks {
		return
	}
	for hash, s := range r.stacks {
		if s.round != r.round {
			delete(r.stacks, hash)
		}
	}
	if len(r.stacks) > maxStacks {
		clear(r.stacks)
	}
}

// hashOf returns the hash and the length of a stack. Two stacks with the same hash
// would be counted as one. With 64 bits and thousands of stacks that happens once
// in a million million censuses.
func hashOf(rec *runtime.StackRecord) (hash uint64, n int) {
	hash = 14695981039346656037
	for n < len(rec.Stack0) && rec.Stack0[n] != 0 {
		hash ^= uint64(rec.Stack0[n])
		hash *= 0x9E3779B97F4A7C15
		hash ^= hash >> 29
		n++
	}
	return hash, n
}

// describe works out what the goroutines with a stack wait for, and where.
func (r *Reader) describe(pcs []uintptr) Group {
	list := make([]frames.Frame, 0, len(pcs)+8)
	if len(pcs) > 0 {
		for next := runtime.CallersFrames(pcs); ; {
			f, more := next.Next()
			frame := frames.Frame{Function: f.Function, File: f.File, Line: f.Line}
			if f.Func != nil {
				_, frame.StartLine = f.Func.FileLine(f.Func.Entry())
			}
			list = append(list, frame)
			if !more {
				break
			}
		}
	}
	wait, blocked, root := frames.Wait(list, r.main)
	g := Group{Key: Key{Wait: wait}, Forever: frames.CanBeForever(wait)}
	if blocked >= 0 {
		f := list[blocked]
		g.Function, g.File, g.Line = f.Function, f.File, f.Line
	}
	if root >= 0 && len(pcs) < depth {
		g.Root = list[root].Function
	}
	return g
}
