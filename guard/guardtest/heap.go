package guardtest

import (
	"sync"
	"time"
)

// NoHeapGrowth runs fn again and again until it is certain that the live heap
// does not grow with the iterations, or fails the test and names the line that
// allocates what stays, with its bytes per iteration. fn is one iteration: it
// must return, and leave nothing behind on purpose.
//
//	func TestServeOne(t *testing.T) {
//		guardtest.NoHeapGrowth(t, func() { serveOne(request) })
//	}
//
// It finds, with the default [Tolerance], any growth of more than 1 byte per
// iteration: an object of 16 bytes that stays in each tenth iteration, a slice or
// map that only grows, a goroutine or timer that never ends. Pools, caches that
// fill and then stop, code that initialises late and garbage pass, as long as
// they are done growing by a quarter of the iterations that the budget allows:
// 260,000 of a fast fn, or what it does in a second. For a larger or slower cache
// see [WarmUp], [Budget] and [Iterations].
//
// # How it decides
//
// Each round runs fn as often as all rounds before it together, and then collects
// garbage until that frees no more. What stays of a leak grows with the length of
// the rounds; what a cache or a pool adds does not. Two rounds in a row, of at least 64
// iterations, that add no more than the tolerance pass. Growth is a failure only
// when the budget is spent, so that a passing test is fast and a failing one takes
// the time to be right. A function that is too slow for its budget passes if it is
// clear that it keeps less than 8 bytes per iteration, or fails as inconclusive.
//
// In 200 runs of each of thirteen healthy functions (pool, LRU cache of 10,000 that
// fills, map with churn, late initialisation, buffer up to its maximum, strings,
// goroutines, JSON, regular expressions, ring, timers, HTTP round trip, a goroutine
// that allocates beside) there was no alarm, and none
// took longer than 1.3 s; the median was 68 ms for HTTP and 2 to 42 ms for the others. 16 bytes
// in every 10th iteration were found in all runs.
// GUARDTEST_EVALUATE=1 go test -v -run 'HealthyFunctions|LeastLeak' measures it again.
//
// # Where the line comes from
//
// From a heap profile. Where [runtime.MemProfileRate] is not 1, NoHeapGrowth sets it to 1
// after it has found growth, runs fn for some more rounds, and restores it: a
// failure names its line without any preparation. A heap profile of the same process that is
// written later (go test -memprofile) then overstates what was allocated
// meanwhile. With [FullMemProfile] nothing is changed.
//
// # Concurrency
//
// The heap belongs to the whole process. Calls wait for each other; growth that is
// found while another test uses this package, or that goes on while fn does not run, fails
// as inconclusive. So do not call it from parallel tests. In a bubble of testing/synctest
// it fails without a measurement.
func NoHeapGrowth(t TestingT, fn func(), opts ...Option) {
	t.Helper()
	o, err := buildOptions(forNoHeapGrowth, opts)
	if err != nil {
		t.Errorf("guardtest: %v", err)
		return
	}
	if inBubble() {
		// The collector's goroutines are outside it: what they would tell the
		// measurement ends the process.
		t.Errorf("guardtest: NoHeapGrowth: it is called in a bubble of testing/synctest, where the heap cannot be measured: let fn be what enters the bubble, or call it in a test of its own")
		return
	}
	oneHeapTest.Lock()
	defer oneHeapTest.Unlock()
	a := enter(t)
	defer a.leave()
	r := newHeapRun(fn, o.heap)
	verdict := r.decide()
	if verdict == heapClean {
		return
	}
	f := r.explain(verdict)
	f.company = a.with()
	t.Errorf("guardtest: %s", f.text())
}

// oneHeapTest is held while the heap is measured.
var oneHeapTest sync.Mutex

// heapOptions are those of [NoHeapGrowth]; zero is the default.
type heapOptions struct {
	tolerance  float64
	budget     time.Duration
	iterations int64
	warmUp     int64
}

func (o heapOptions) withDefaults() heapOptions {
	if o.tolerance == 0 {
		o.tolerance = defaultTolerance
	}
	if o.budget == 0 {
		o.budget = defaultBudget
	}
	if o.iterations == 0 {
		o.iterations = defaultIterations
	}
	return o
}

const (
	defaultBudget     = 5 * time.Second
	defaultIterations = 1 << 20
	// mostGrowth ends a test early: a cache of this size is none that a test
	// should fill. A leak must not take the machine down while it is measured.
	mostGrowth = 64 << 20
	// calibration is for how long fn runs before the first measurement: code
	// that is initialised late is, and a round is not lost in the cost of its
	// garbage collections.
	calibration = time.Millisecond
	// fewestRounds are run whatever they cost: there is no verdict on one.
	fewestRounds = 3
)

// heapRun is one call of [NoHeapGrowth].
type heapRun struct {
	fn    func()
	o     heapOptions
	meter *heapMeter
	start time.Time

	n      int64 // iterations so far, without those that warm up
	rounds []heapRound
	base   heapState   // before the first
	ends   []heapState // at the end of each
	last   heapState   // at the end of the last
}

func newHeapRun(fn func(), o heapOptions) *heapRun {
	return &heapRun{fn: fn, o: o.withDefaults(), meter: newHeapMeter(), start: time.Now()}
}

// decide runs rounds until there is a verdict.
func (r *heapRun) decide() heapVerdict {
	r.iterate(r.o.warmUp)
	start := time.Now()
	for n := int64(1); ; n = r.n {
		r.iterate(n)
		r.n += n
		if time.Since(start) > calibration || r.n > r.o.iterations/64 {
			break
		}
	}
	r.base = r.meter.settle()
	r.last = r.base
	for {
		n := r.next()
		if n == 0 {
			return judgeHeap(r.rounds, r.o.tolerance, true)
		}
		r.round(n)
		if v := judgeHeap(r.rounds, r.o.tolerance, false); v != heapMore {
			return v
		}
	}
}

// next returns the iterations of the next round, 0 where the budget is spent.
func (r *heapRun) next() int64 {
	n := r.n
	grown := r.last.bytes + r.last.stacks - r.base.bytes - r.base.stacks
	if len(r.rounds) > 0 && grown > 0 {
		done := n - r.rounds[0].n // about what has made it grow
		left := float64(mostGrowth-grown) / float64(grown) * float64(max(1, done))
		if left < float64(n) {
			n = int64(max(0, left))
		}
	}
	switch {
	case len(r.rounds) < fewestRounds:
		return max(1, n)
	case n < r.n/2,
		r.n+n > r.o.iterations,
		2*time.Since(r.start) > r.o.budget:
		return 0
	}
	return n
}

func (r *heapRun) round(n int64) {
	start := time.Now()
	r.iterate(n)
	r.n += n
	before := r.last
	r.last = r.meter.settle()
	grown := r.last.minus(before)
	r.rounds = append(r.rounds, heapRound{n: n, bytes: grown.bytes, objects: grown.objects, took: time.Since(start)})
	r.ends = append(r.ends, r.last)
}

// iterate calls fn n times. It is the frame at which stacks are cut to see who
// below fn allocates, so it must be one.
//
//go:noinline
func (r *heapRun) iterate(n int64) {
	for range n {
		r.fn()
	}
}
