package guardtest

import (
	"cmp"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/leakguard/leakguard/internal/frames"
)

// mostInBaseline is above how many goroutines a test keeps no baseline: it
// would cost as much as the check itself.
const mostInBaseline = 2000

// baseline is the goroutines without a label of ours that are there before a
// test. They are counted by what they were started with, as a pool's workers
// are at another line each time one looks.
type baseline struct {
	mu      sync.Mutex
	byRoot  map[string]int
	byStack map[uint64]int
}

// takeBaseline returns nil where there are too many.
func takeBaseline() (*baseline, error) {
	if runtime.NumGoroutine() > mostInBaseline {
		return nil, nil
	}
	all, err := readGoroutines()
	if err != nil {
		return nil, err
	}
	return newBaseline(all), nil
}

func newBaseline(all goroutines) *baseline {
	b := &baseline{byRoot: make(map[string]int), byStack: make(map[uint64]int)}
	b.add(all.groups)
	return b
}

func (b *baseline) add(groups []*group) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, g := range groups {
		if g.test == "" {
			b.byRoot[g.root] += g.count
			b.byStack[g.hash] += g.count
		}
	}
}

// newcomers returns the goroutines without a label of ours that have come since.
// Of those that began in one way it takes the stacks that were not there before.
func (b *baseline) newcomers(all goroutines) (news []*group) {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	byRoot := make(map[string][]*group)
	for _, g := range all.groups {
		if g.test == "" {
			byRoot[g.root] = append(byRoot[g.root], g)
		}
	}
	for root, groups := range byRoot {
		excess := -b.byRoot[root]
		for _, g := range groups {
			excess += g.count
		}
		grown := func(g *group) int { return g.count - b.byStack[g.hash] }
		slices.SortStableFunc(groups, func(x, y *group) int { return cmp.Compare(grown(y), grown(x)) })
		for _, g := range groups {
			if excess <= 0 {
				break
			}
			one := *g
			one.count = min(g.count, excess)
			excess -= one.count
			news = append(news, &one)
		}
	}
	return news
}

// testRuns reports whether a test runs besides the caller's, whether it uses
// this package or not. While a test that is not parallel runs, all others wait
// in t.Run or t.Parallel. While a parallel test runs, the one that waits for it
// is neither here nor there, as it has itself ended.
func testRuns(all goroutines) bool {
	for _, g := range all.groups {
		if !g.has("testing.tRunner") || g.has(ourPackage+"readProfile") {
			continue
		}
		switch g.top() {
		case "testing.(*T).Run", "testing.(*T).Parallel", "testing.(*testState).waitParallel":
		default:
			return true
		}
	}
	return false
}

// inside reports whether goroutines were started with a function literal of
// this function.
func (g *group) inside(function string) bool {
	return function != "" && strings.HasPrefix(g.root, function+".")
}

// ofPackage reports whether a function is of this package.
func ofPackage(function, pkg string) bool { return function != "" && frames.PackageOf(function) == pkg }
