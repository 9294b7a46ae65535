package evidence

import (
	"time"

	"github.com/leakguard/leakguard/internal/census"
	"github.com/leakguard/leakguard/internal/frames"
)

// surveyor counts goroutines by the place where they wait. It is not safe for concurrent
// use.
type surveyor struct {
	reader *census.Reader
	watch  *census.Watch
}

func newSurveyor(module string) surveyor {
	return surveyor{reader: census.NewReader(module), watch: census.NewWatch()}
}

// Census is the result of a census.
type Census struct {
	At      time.Duration // since Start
	Next    time.Duration // time until the next is due
	Sites   []census.Site
	Skipped string // why it was skipped; "": it was taken
}

// Census takes a census, unless that would need too much of the remaining memory. Census
// and Prove must not be called concurrently.
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
	t.gauge.depth.Store(int64(100 * t.survey.reader.Depth()))
	t.survey.watch.Observe(at, groups)
	res.Sites = t.survey.watch.Sites()
	res.Next = census.Next(t.survey.reader.Cost(), goroutines)
	return res
}

// Prove records the places where the garbage collector has proven that goroutines leak.
func (t *Taker) Prove(blocked []frames.Frame) { t.survey.watch.Prove(blocked) }
