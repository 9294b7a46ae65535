package evidence

import (
	"time"

	"github.com/leakguard/leakguard/internal/census"
	"github.com/leakguard/leakguard/internal/frames"
)

// surveyor counts goroutines by the place where they wait. One goroutine at a time
// uses it.
type surveyor struct {
	reader *census.Reader
	watch  *census.Watch
}

func newSurveyor(module string) surveyor {
	return surveyor{reader: census.NewReader(module), watch: census.NewWatch()}
}

// Census is what a census found.
type Census struct {
	At      time.Duration // since Start
	Next    time.Duration // after how long the next is due
	Sites   []census.Site
	Skipped string // why none was taken; "": one was
}

// Census takes one, unless it would need too much of the memory left. It and Prove
// are for one goroutine at a time.
func (t *Taker) Census(at time.Duration, goroutines int) Census {
	res := Census{At: at, Next: census.Next(0, goroutines)}
	if ok, why := t.admit(t.survey.reader.Predict(goroutines)); !ok {
		res.Skipped = why
		return res
	}
	t.stacks.Lock()
	groups, err := t.survey.reader.Take()
	t.stacks.Unlock()
	if err != nil {
		res.Skipped = err.Error()
		return res
	}
	t.survey.watch.Observe(at, groups)
	res.Sites = t.survey.watch.Sites()
	res.Next = census.Next(t.survey.reader.Cost(), goroutines)
	return res
}

// Prove tells the census at which places the garbage collector has proven that
// goroutines leak.
func (t *Taker) Prove(blocked []frames.Frame) { t.survey.watch.Prove(blocked) }
