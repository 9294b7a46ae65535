package evidence

// Held is the memory that a forced GC judges: bytes of the Go heap in use, and live bytes
// of the heap and the stacks.
type Held struct {
	Heap, Live int64
}

// Suspicion is a possible leak. Its evidence is discarded if the growth was garbage, or if
// earlier evidence already shows it.
type Suspicion struct {
	Before Held  // the heap when the suspicion arose
	Known  int64 // live bytes that earlier evidence shows
}

// judgement is the result of a forced GC for a suspicion.
type judgement int

const (
	itLives judgement = iota
	doubtful
	itIsKnown // earlier evidence shows as much live memory
	itIsGarbage
)

func (j judgement) String() string {
	return [...]string{"live", "in doubt", "known", "garbage"}[j]
}

// judge decides whether the growth was garbage: a GC has then freed more than the live
// memory has grown. Objects allocated during the cycle count as live in any case, so if
// much but not most of the growth was freed, another cycle has to decide. before is from
// the moment of the suspicion, with the lowest live size of the last seconds. Memory
// outside the Go heap is never garbage.
func judge(before, after Held) judgement {
	grew, gone := max(after.Live-before.Live, 0), before.Heap-after.Live
	switch {
	case gone > grew:
		return itIsGarbage
	case gone > grew/4:
		return doubtful
	default:
		return itLives
	}
}
