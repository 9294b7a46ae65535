package guardtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/leakguard/leakguard/internal/census"
	"github.com/leakguard/leakguard/internal/frames"
)

// mostInBaseline is the number of goroutines above which a test keeps no baseline.
// It would cost as much as the check itself.
const mostInBaseline = 2000

// baseline counts the goroutines that exist before a test, by the function that
// they were started with: a pool's workers are at another line at each look.
//
// A census does not see labels, so it also counts goroutines that have one of ours.
// A profile, which does, costs five times as much. See [baseline.newcomers].
type baseline struct {
	mu     sync.Mutex
	byRoot map[string]int
	bySite map[string]int // wait and place
	deep   int            // goroutines whose stack is too deep to show what they were started with
}

func takeBaseline() (*baseline, error) {
	groups, err := census.NewReader(mainModule()).Take()
	if err != nil {
		return nil, err
	}
	b := &baseline{byRoot: make(map[string]int), bySite: make(map[string]int)}
	for _, g := range groups {
		if g.Root == "" {
			b.deep += int(g.Count)
		}
		b.byRoot[frames.WithoutTypes(g.Root)] += int(g.Count)
		b.bySite[siteText(g.Wait, frames.WithoutTypes(g.Function), g.Line)] += int(g.Count)
	}
	return b, nil
}

func siteText(wait, function string, line int) string {
	return fmt.Sprint(wait, " ", function, " ", line)
}

// grown reports whether any start function has more goroutines than it had. It can
// return true although there are no newcomers.
func (b *baseline) grown() bool {
	now, err := takeBaseline()
	if err != nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for root, n := range now.byRoot {
		if n > b.byRoot[root] {
			return true
		}
	}
	return false
}

// newcomers returns the new goroutines without a label of ours. Among those with
// the same start function it prefers those at a place where there were none before.
// Goroutines labelled by a call before this number were in the baseline. If some of
// those have ended, as many newcomers with the same start function can go
// unnoticed.
func (b *baseline) newcomers(all goroutines, number int) (news []*group) {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	byRoot := make(map[string][]*group)
	labelled := make(map[string]int)
	for _, g := range all.groups {
		root := frames.WithoutTypes(g.root)
		switch {
		case g.test == "":
			byRoot[root] = append(byRoot[root], g)
		case testNumber(g.test) < number:
			labelled[root] += g.count
		}
	}
	unknown := b.deep // each of them may be one of those
	for root, groups := range byRoot {
		excess := -max(0, b.byRoot[root]-labelled[root])
		for _, g := range groups {
			excess += g.count
		}
		if excess <= 0 {
			continue
		}
		spared := min(unknown, excess)
		unknown -= spared
		excess -= spared
		grown := func(g *group) int {
			s := g.site()
			return g.count - b.bySite[siteText(s.wait, frames.WithoutTypes(s.function), s.line)]
		}
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

// add counts goroutines as if they had been there.
func (b *baseline) add(groups []*group) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, g := range groups {
		if g.test == "" {
			b.byRoot[frames.WithoutTypes(g.root)] += g.count
		}
	}
}

// testRuns reports whether a test other than the caller's is running, whether it
// uses this package or not. While a test that is not parallel runs, all others wait
// in t.Run or t.Parallel, or for their parallel subtests. A test that has told its
// parent that it is done may still be on its way out, for as long as a busy machine
// leaves it without a processor.
func testRuns(all goroutines) bool {
	for _, g := range all.groups {
		if !g.has("testing.tRunner") || g.has(ourPackage+"readProfile") {
			continue
		}
		switch top := g.top(); {
		case top == "testing.(*T).Run", top == "testing.(*T).Parallel", top == "testing.(*testState).waitParallel":
		case top == "testing.tRunner", strings.HasPrefix(top, "testing.tRunner.func"): // not yet or no longer in the test's code
		default:
			return true
		}
	}
	return false
}

// inside reports whether the goroutines were started with a function literal of
// this function.
func (g *group) inside(function string) bool {
	return function != "" && strings.HasPrefix(g.root, function+".")
}
