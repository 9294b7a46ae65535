package guardtest

import (
	"cmp"
	"slices"
	"time"

	"github.com/leakguard/leakguard/internal/frames"
)

// siteKey is what the goroutines reported as one place have in common.
type siteKey struct {
	test     string // the value of our label
	wait     string
	function string // the waiting function: the innermost of the user's own code
	file     string
	line     int
	root     string // the function they were started with
}

func (g *group) site() siteKey {
	stack := g.frames()
	wait, blocked, _ := frames.Wait(stack, mainModule())
	key := siteKey{test: g.test, wait: wait, root: g.root}
	if blocked >= 0 {
		key.function, key.file, key.line = stack[blocked].Function, stack[blocked].File, stack[blocked].Line
	}
	return key
}

// leak is the goroutines of one place.
type leak struct {
	siteKey
	count    int
	standing time.Duration
	proven   int // how many of count; also 0 if it cannot be known
	creator  creator
	cause    string
	via      []string // the user's own functions between the waiting one and the root
	group    *group   // one of them
	tests    []string // the tests and subtests that left them, in the report of a package
}

// byPlace joins the leaks of several tests at one place: what has to be mended is the
// place, and the tests are the list of who leaves something there.
func byPlace(leaks []leak) []leak {
	index := make(map[siteKey]int)
	var all []leak
	for _, l := range leaks {
		key := l.siteKey
		key.test = ""
		i, ok := index[key]
		if !ok {
			i = len(all)
			index[key] = i
			all = append(all, l)
			all[i].tests = nil
		} else {
			all[i].count += l.count
			all[i].proven += l.proven
			all[i].standing = min(all[i].standing, l.standing)
		}
		tests := l.tests
		if by := l.startedBy(); len(tests) == 0 && by != "" {
			tests = []string{by}
		}
		for _, by := range tests {
			if !slices.Contains(all[i].tests, by) {
				all[i].tests = append(all[i].tests, by)
			}
		}
	}
	for _, l := range all {
		slices.Sort(l.tests)
	}
	slices.SortStableFunc(all, func(a, b leak) int { return cmp.Compare(b.count, a.count) })
	return all
}

// leaks groups the goroutines by place, those of one test together, the largest
// first.
func (f found) leaks(proven map[siteKey]int) []leak {
	index := make(map[siteKey]int)
	var all []leak
	for _, g := range f.groups {
		key := g.site()
		i, ok := index[key]
		if !ok {
			i = len(all)
			index[key] = i
			all = append(all, leak{siteKey: key, standing: f.standing[key], creator: g.creator, cause: g.likelyCause(), via: g.via(), group: g})
		}
		all[i].count += g.count
	}
	for i := range all {
		all[i].proven = min(all[i].count, proven[all[i].siteKey])
	}
	slices.SortFunc(all, func(a, b leak) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.test, b.test), cmp.Compare(a.file, b.file),
			cmp.Compare(a.line, b.line), cmp.Compare(a.wait, b.wait), cmp.Compare(a.function, b.function), cmp.Compare(a.root, b.root))
	})
	return all
}

// via returns the calls that lead from the root to where the goroutines wait,
// innermost first, without either end. It prefers those of the user's own code.
func (g *group) via() (functions []string) {
	stack := g.frames()
	_, blocked, root := frames.Wait(stack, mainModule())
	for i := blocked + 1; i > 0 && i < root; i++ {
		if frames.Own(stack[i], mainModule()) {
			functions = append(functions, stack[i].Function)
		}
	}
	return functions
}
