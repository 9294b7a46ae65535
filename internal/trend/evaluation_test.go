package trend

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	tuningSeed  = 1
	perShape    = 100
	judgedEvery = 30 * time.Minute
)

// outcome is what became of one series by one horizon.
type outcome struct {
	shape   string
	index   int
	horizon time.Duration
	counts  bool // a leak that has to be found
	leaks   bool
	state   State         // at the horizon
	alarmed bool          // leaking, ever since the leak began; without a leak: ever
	early   bool          // leaking, before the leak began
	delay   time.Duration // from the leak's begin to the first alarm
}

// run judges the i-th series of a shape as production does, on and on, and
// returns an outcome for each horizon.
func run(sh shape, seed uint64, i int) []outcome {
	g := makeSeries(sh, seed, i)
	o := outcome{shape: sh.name, index: i, leaks: g.leaks}
	var all []outcome
	s := New()
	k := 0
	horizons := sh.horizons
	for now := judgedEvery; len(horizons) > 0; now += judgedEvery {
		for ; k < len(g.at) && g.at[k] <= now; k++ {
			s.Add(g.at[k], g.v[k])
		}
		v := s.Judge()
		if v.State == Leaking {
			switch {
			case g.leaks && now <= g.from:
				o.early = true
			case !o.alarmed:
				o.alarmed, o.delay = true, now-g.from
				if !g.leaks || os.Getenv("WHY") != "" {
					fmt.Println("WHY", sh.name, i, now, v)
				}
			}
		}
		o.state = v.State
		if now == horizons[0] {
			o.horizon, o.counts = now, g.counts(now)
			all = append(all, o)
			horizons = horizons[1:]
		}
	}
	return all
}

// evaluate runs the whole set on all processors.
func evaluate(seed uint64) []outcome {
	type job struct {
		shape shape
		i     int
	}
	jobs := make(chan job)
	var mu sync.Mutex
	var all []outcome
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for j := range jobs {
				o := run(j.shape, seed, j.i)
				mu.Lock()
				all = append(all, o...)
				mu.Unlock()
			}
		})
	}
	for _, sh := range shapes() {
		for i := range perShape {
			jobs <- job{sh, i}
		}
	}
	close(jobs)
	wg.Wait()
	return all
}

// row sums up the outcomes of a shape at a horizon.
type row struct {
	series, leaking, growing, calm int // states at the horizon
	count, found                   int // leaks to be found, and those that were
	false_                         int
	delays                         []time.Duration
}

func (r *row) add(o outcome) {
	r.series++
	switch o.state {
	case Leaking:
		r.leaking++
	case Growing:
		r.growing++
	default:
		r.calm++
	}
	if o.early || !o.leaks && o.alarmed {
		r.false_++
	}
	if o.counts {
		r.count++
		if o.alarmed {
			r.found++
			r.delays = append(r.delays, o.delay)
		}
	}
}

func hours(d time.Duration) string {
	if d%week == 0 || d > week {
		return fmt.Sprintf("%d d", d/day)
	}
	return fmt.Sprintf("%d h", d/time.Hour)
}

// table is the evaluation as text, with the sums that the targets are about.
func table(all []outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-29s %5s %6s %7s %7s %5s  %-14s %s\n", "shape", "after", "series", "leaking", "growing", "calm", "", "delay")
	for _, sh := range shapes() {
		for _, h := range sh.horizons {
			var r row
			for _, o := range all {
				if o.shape == sh.name && o.horizon == h {
					r.add(o)
				}
			}
			what, delay := fmt.Sprintf("false %.0f%%", 100*float64(r.false_)/float64(r.series)), ""
			if sh.leak != nil {
				if r.count == 0 {
					what = "none counts"
				} else {
					what = fmt.Sprintf("found %d/%d", r.found, r.count)
				}
				if r.false_ > 0 {
					what += fmt.Sprintf(", early %d", r.false_)
				}
				if len(r.delays) > 0 {
					slices.Sort(r.delays)
					delay = fmt.Sprintf("%.0f h", r.delays[len(r.delays)/2].Hours())
				}
			}
			line := fmt.Sprintf("%-29s %5s %6d %7d %7d %5d  %-14s %s", sh.name, hours(h), r.series, r.leaking, r.growing, r.calm, what, delay)
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
	return b.String()
}

func TestEvaluation(t *testing.T) {
	all := evaluate(tuningSeed)
	t.Log("\n" + table(all))
	var tp, fp, count, found int
	for _, o := range all {
		if o.horizon != 3*day {
			continue
		}
		if o.early || !o.leaks && o.alarmed {
			fp++
			t.Log("false", o.shape, o.index)
		}
		if o.counts {
			count++
			if o.alarmed {
				tp++
				found++
			} else {
				t.Log("missed", o.shape, o.index)
			}
		}
	}
	t.Logf("precision %.3f recall %.3f", float64(tp)/float64(tp+fp), float64(found)/float64(count))
}
