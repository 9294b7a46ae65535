package evidence

import (
	"fmt"
	"runtime"
	"time"

	"github.com/leakguard/leakguard/guard/internal/budget"
	"github.com/leakguard/leakguard/internal/census"
	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/profile"
)

// surveyor counts goroutines by the place where they wait. It is not safe for concurrent
// use.
type surveyor struct {
	reader   *census.Reader
	watch    *census.Watch
	creators census.Creators
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

// Census takes a census, unless that would need too much of the remaining memory. Census,
// Creators and Prove must not be called concurrently.
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
	t.survey.creators.Name(res.Sites)
	res.Next = census.Next(t.survey.reader.Cost(), goroutines)
	return res
}

// Creators reads which functions start the goroutines, and returns the sites with that. It
// stops the world, so it is for less than 1,000 goroutines. The sites are nil if it was
// skipped.
func (t *Taker) Creators(goroutines int) (sites []census.Site, skipped string) {
	if pause, tooLong := t.survey.creators.Pause(goroutines); tooLong {
		return nil, fmt.Sprintf("it would stop the world for about %v", pause.Round(time.Millisecond))
	}
	r := t.gauge.reading()
	r.Goroutines = profile.Count(goroutines)
	if ok, why := t.admit(t.survey.reader.Predict(goroutines) + budget.PredictGoroutineText(r)); !ok {
		return nil, why
	}
	if t.taking.Load() > 0 {
		return nil, "a capture is running"
	}
	t.stacks.Lock()
	defer t.stacks.Unlock()
	groups, err := t.survey.reader.Take()
	if err != nil {
		return nil, err.Error()
	}
	if n := runtime.NumGoroutine(); n >= mostTextGoroutines {
		return nil, fmt.Sprintf("there are %s goroutines by now", profile.Count(n))
	}
	t.gauge.depth.Store(int64(100 * t.survey.reader.Depth()))
	t.survey.creators.Read(groups, goroutines)
	sites = t.survey.watch.SitesWith(groups)
	t.survey.creators.Name(sites)
	return sites, ""
}

// Prove records the places where the garbage collector has proven that goroutines leak.
func (t *Taker) Prove(blocked []frames.Frame) { t.survey.watch.Prove(blocked) }
