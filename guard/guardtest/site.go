package guardtest

import (
	"cmp"
	"slices"
	"time"

	"github.com/leakguard/leakguard/internal/frames"
)

// siteKey is what goroutines have in common that are told as one.
type siteKey struct {
	test     string // the value of our label
	wait     string
	function string // that waits: the innermost of the user's own code
	file     string
	line     int
	root     string // that they were started with
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

// leak is the goroutines of a site.
type leak struct {
	siteKey
	count    int
	standing time.Duration
	proven   int // of count; 0 also where it cannot be known
	creator  creator
	cause    string
	via      []string // the user's own functions between the one that waits and the root
}

// leaks puts the goroutines together by site: the most first, those of one test together.
func (f found) leaks(proven map[siteKey]int) []leak {
	index := make(map[siteKey]int)
	var all []leak
	for _, g := range f.groups {
		key := g.site()
		i, ok := index[key]
		if !ok {
			i = len(all)
			index[key] = i
			all = append(all, leak{siteKey: key, standing: f.standing[key], creator: g.creator, cause: g.likelyCause(), via: g.via()})
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
// innermost first, without both ends: those of the user's own code, if any is.
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
