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

// mostInBaseline is above how many goroutines a test keeps no baseline: it
// would cost as much as the check itself.
const mostInBaseline = 2000

// baseline is the goroutines that are there before a test, by what they were
// started with: a pool's workers are at another line each time one looks.
//
// A census does not see labels, so that those with one of ours count, too; a
// profile that sees them costs five times as much. See [baseline.newcomers].
type baseline struct {
	mu     sync.Mutex
	byRoot map[string]int
	bySite map[string]int // wait and place
	deep   int            // goroutines whose stack is too deep to tell what they were started with
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

// grown reports whether there are more goroutines that began in some way than
// there were. It may say so of what is no newcomer.
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

// newcomers returns the goroutines without a label of ours that have come since.
// Of those that began in one way it takes those at a place where none was before.
// Those with the label of a call before this number were in the baseline; those
// of them that have ended can hide as many newcomers that began alike.
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
	unknown := b.deep // of them any may be one of those
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
