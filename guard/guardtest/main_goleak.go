package guardtest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.uber.org/goleak"

	"github.com/leakguard/leakguard/internal/frames"
)

// goleakFound begins what goleak says when it finds something. Its other errors
// are about its options.
const goleakFound = "found unexpected goroutines:"

// refuseGoleakCleanup returns an error if goleak.Cleanup is among the options.
// They cannot be looked into, but goleak.Find, for which it is not either, says so
// before it looks at any goroutine.
func refuseGoleakCleanup(opts []goleak.Option) error {
	for i, opt := range opts {
		if opt == nil {
			return fmt.Errorf("Main: the option WithGoleak: number %d of goleak's options is nil", i+1)
		}
	}
	if len(opts) == 0 {
		return nil
	}
	// What runs now is not asked for; ignoring it keeps goleak from retrying.
	crash, err := findWithGoleak(func() []goleak.Option { return append(slices.Clone(opts), goleak.IgnoreCurrent()) })
	if crash != "" || err == nil || strings.HasPrefix(err.Error(), goleakFound) {
		return nil
	}
	return fmt.Errorf("Main: the option WithGoleak: goleak refuses it: %w. goleak.Cleanup cannot be given: Main calls os.Exit when all is done; do what has to be done in TestMain before Main, or in the tests", err)
}

// findWithGoleak is goleak.Find without its panic, which comes when any
// goroutine of the process has more than 100 frames: then crash says so.
func findWithGoleak(opts func() []goleak.Option) (crash string, err error) {
	defer func() {
		if r := recover(); r != nil {
			crash, _, _ = strings.Cut(fmt.Sprint(r), "\n")
		}
	}()
	return "", goleak.Find(opts()...)
}

// askGoleak returns those of the goroutines that goleak finds, too: what its
// options ignore is not left behind.
func askGoleak(groups []*group, opts []goleak.Option) (kept []*group, notes []string) {
	crash, err := findWithGoleak(func() []goleak.Option { return opts })
	switch {
	case crash != "":
		note := "goleak was asked, too, but gave up, as it does when a stack has more than 100 frames (" + shorten(crash, 60) + ")."
		if len(opts) > 0 {
			note += " So its options do not count: give them as IgnoreTop and IgnoreAny."
		}
		return groups, []string{note}
	case err == nil:
		return nil, nil
	}
	text := parseGoleak(err.Error())
	noteCreators(groups, text)
	taken := make([]bool, len(text))
	for _, g := range groups {
		one := *g
		one.count = 0
		for i := range text {
			if !taken[i] && one.count < g.count && g.matches(&text[i]) {
				taken[i] = true
				one.count++
			}
		}
		if one.count > 0 {
			kept = append(kept, &one)
		}
	}
	return kept, nil
}

var goleakHeader = regexp.MustCompile(`(?m)^[\[ ]?Goroutine (\d+) in state (.*?), with .* on top of the stack:$`)

// parseGoleak reads goleak's message, whose stacks are the runtime's.
func parseGoleak(message string) []frames.TextGoroutine {
	return frames.ParseText(goleakHeader.ReplaceAllString(message, "goroutine $1 [$2]:"), 1<<20, 256)
}
