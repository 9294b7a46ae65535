package evidence

// Held is what a forced GC is asked about: bytes of the Go heap in use, and
// of it and the stacks what lives.
type Held struct {
	Heap, Live int64
}

// Suspicion is that what rises is a leak. Its evidence is discarded if it was
// garbage, or is no news.
type Suspicion struct {
	Before Held  // how the heap stood when it arose
	Known  int64 // how much live memory earlier evidence shows
}

// judgement is what a forced GC says of a suspicion.
type judgement int

const (
	itLives judgement = iota
	doubtful
	itIsKnown // no more lives than earlier evidence shows
	itIsGarbage
)

func (j judgement) String() string {
	return [...]string{"it lives", "doubtful", "known", "it is garbage"}[j]
}

// judge tells what rose: of garbage, more is gone after a GC than what lives has
// grown. What was allocated during the cycle counts as living whatever it is, so
// where a good deal is gone, but not most, another cycle has to tell. before is
// from the moment of the suspicion, with the lowest live size of the last
// seconds; memory outside the Go heap is never garbage.
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
