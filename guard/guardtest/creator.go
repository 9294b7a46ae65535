package guardtest

import (
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/leakguard/leakguard/internal/frames"
)

// mostInText is the number of goroutines above which their creators are not looked
// up. Only the text form has them, and writing it stops the world.
const mostInText = 1000

// mostCreators is how many creators of goroutines with one stack are kept.
const mostCreators = 100

// creator is the code that started goroutines. The zero value means unknown.
type creator struct {
	function string
	at       string // file:line
	// test is the test function found on their stacks, on their creators' stacks, and
	// so on, as long as these goroutines still exist.
	test string
}

// starters start goroutines for their callers. They say nothing about where: the function
// that they were given does.
var starters = []string{"sync.(*WaitGroup).Go", "golang.org/x/sync/errgroup.(*Group).Go", "golang.org/x/sync/errgroup.(*Group).TryGo"}

// startedIn reports whether a function is the one that a starter starts, which calls the
// caller's.
func startedIn(function string) bool {
	return slices.ContainsFunc(starters, func(s string) bool { return strings.HasPrefix(function, s+".func") })
}

// testFunction finds 'TestServe' in 'github.com/acme/shop.TestServe.func1'.
var testFunction = regexp.MustCompile(`\.((?:Test|Benchmark|Fuzz|Example)(?:[^a-z.\[][^.\[]*)?)(?:$|[.\[])`)

func testOf(function string) string {
	if m := testFunction.FindStringSubmatch(function); m != nil && m[1] != "TestMain" {
		return m[1]
	}
	return ""
}

// findCreators sets the creators of the goroutines.
func findCreators(groups []*group, total int) {
	if total >= mostInText {
		return
	}
	buf := make([]byte, 4<<20)
	noteCreators(groups, frames.ParseText(string(buf[:runtime.Stack(buf, true)]), 2*mostInText, 256))
}

func noteCreators(groups []*group, text []frames.TextGoroutine) {
	byID := make(map[int64]*frames.TextGoroutine, len(text))
	for i := range text {
		byID[text[i].ID] = &text[i]
	}
	for _, g := range groups {
		if len(g.creators) > 0 {
			continue
		}
		for i := range text {
			tg := &text[i]
			if !g.matches(tg) || tg.Creator == "" {
				continue
			}
			by := creator{function: tg.Creator, at: tg.CreatedAt, test: testAbove(tg, byID)}
			if slices.Contains(starters, tg.Creator) {
				by.function, by.at = "", ""
			}
			if len(g.creators) == 0 {
				g.creator = by
			}
			if len(g.creators) < mostCreators && !slices.Contains(g.creators, by) {
				g.creators = append(g.creators, by)
			}
		}
	}
}

// matches reports whether the goroutine in the text may be one of these.
func (g *group) matches(tg *frames.TextGoroutine) bool {
	for _, function := range []string{g.top(), g.root} {
		if !slices.Contains(tg.Functions, frames.WithoutTypes(function)) {
			return false
		}
	}
	return true
}

// testAbove returns the test function that a goroutine comes from. It follows the
// creators as long as they still exist.
func testAbove(tg *frames.TextGoroutine, byID map[int64]*frames.TextGoroutine) string {
	for range 100 { // IDs are never reused, but the text may be anybody's
		if tg == nil {
			return ""
		}
		for _, function := range append(slices.Clone(tg.Functions), tg.Creator) {
			if test := testOf(function); test != "" {
				return test
			}
		}
		tg = byID[tg.CreatorID]
	}
	return ""
}
