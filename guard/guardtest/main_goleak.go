package guardtest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.uber.org/goleak"

	"github.com/leakguard/leakguard/internal/frames"
)

// goleakFound begins goleak's message when it finds something. Its other errors
// concern its options.
const goleakFound = "found unexpected goroutines:"

// refuseGoleakCleanup returns an error if goleak.Cleanup is among the options.
// goleak's options are opaque, but goleak.Find does not accept Cleanup either and
// says so before it looks at any goroutine.
func refuseGoleakCleanup(opts []goleak.Option) error {
	for i, opt := range opts {
		if opt == nil {
			return fmt.Errorf("Main: the option WithGoleak: goleak option number %d is nil", i+1)
		}
	}
	if len(opts) == 0 {
		return nil
	}
	// The result does not matter; ignoring the current goroutines keeps goleak from
	// retrying.
	crash, err := findWithGoleak(func() []goleak.Option { return append(slices.Clone(opts), goleak.IgnoreCurrent()) })
	if crash != "" || err == nil || strings.HasPrefix(err.Error(), goleakFound) {
		return nil
	}
	return fmt.Errorf("Main: the option WithGoleak: goleak rejects it: %w. Do not pass goleak.Cleanup, because Main calls os.Exit at the end; clean up in TestMain before Main, or in the tests", err)
}

// findWithGoleak is goleak.Find without its panic. goleak panics when any goroutine
// of the process has more than 100 frames; crash is then its message.
func findWithGoleak(opts func() []goleak.Option) (crash string, err error) {
	defer func() {
		if r := recover(); r != nil {
			crash, _, _ = strings.Cut(fmt.Sprint(r), "\n")
		}
	}()
	return "", goleak.Find(opts()...)
}

// askGoleak returns the goroutines that goleak finds, too. What its options ignore
// is not reported.
func askGoleak(groups []*group, opts []goleak.Option) (kept []*group, notes []string) {
	crash, err := findWithGoleak(func() []goleak.Option { return opts })
	switch {
	case crash != "":
		note := "goleak was asked as well but panicked, as it does when a stack has more than 100 frames (" + shorten(crash, 60) + ")."
		if len(opts) > 0 {
			note += " Its options therefore have no effect: pass IgnoreTop and IgnoreAny instead."
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

// parseGoleak parses goleak's message, whose stacks have the runtime's format.
func parseGoleak(message string) []frames.TextGoroutine {
	return frames.ParseText(goleakHeader.ReplaceAllString(message, "goroutine $1 [$2]:"), 1<<20, 256)
}
