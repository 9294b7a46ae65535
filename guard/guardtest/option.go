package guardtest

import (
	"fmt"
	"strings"
	"time"

	"go.uber.org/goleak"
)

// Option changes how an assertion works. An Option that does not apply to a
// function fails the test, with a failure that says so.
type Option struct {
	name  string
	scope scope
	apply func(*options) error
}

// scope is the set of functions that an option applies to.
type scope uint8

const (
	forVerifyNone scope = 1 << iota
	forMain
	forNoHeapGrowth
	forNoDescriptorLeak
	forNoTimerLeak
)

var scopeNames = []struct {
	scope scope
	name  string
}{
	{forVerifyNone, "VerifyNone"},
	{forMain, "Main"},
	{forNoHeapGrowth, "NoHeapGrowth"},
	{forNoDescriptorLeak, "NoDescriptorLeak"},
	{forNoTimerLeak, "NoTimerLeak"},
}

func (s scope) String() string {
	var names []string
	for _, n := range scopeNames {
		if s&n.scope != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, " and ")
}

// options is the combination of all options.
type options struct {
	ignore         []ignoreRule
	needCreators   bool // an ignoreRule needs them
	countDaemons   bool
	patience       time.Duration
	goleak         []goleak.Option
	fullMemProfile bool
	heap           heapOptions
}

// buildOptions combines the options that were passed to one of the functions.
func buildOptions(where scope, opts []Option) (options, error) {
	o := options{patience: defaultPatience}
	for _, opt := range opts {
		switch {
		case opt.apply == nil:
			return o, fmt.Errorf("%v: an empty Option: use the functions of this package that return one", where)
		case opt.scope&where == 0:
			return o, fmt.Errorf("%v: the option %s applies only to %v", where, opt.name, opt.scope)
		}
		if err := opt.apply(&o); err != nil {
			return o, fmt.Errorf("%v: the option %s: %w", where, opt.name, err)
		}
	}
	return o, nil
}

const defaultPatience = 2 * time.Second

// Patience sets how long a goroutine may continue after the test has ended. The
// default is 2 s. The check finishes as soon as nothing is left, so a longer
// patience costs time only in a failing test. 0 means a single look.
func Patience(d time.Duration) Option {
	return Option{"Patience", forVerifyNone | forMain | forNoDescriptorLeak | forNoTimerLeak, func(o *options) error {
		if d < 0 {
			return fmt.Errorf("%v: want at least 0", d)
		}
		o.patience = d
		return nil
	}}
}

// WithGoleak passes options to goleak, for [Main]: what they ignore is ignored.
// goleak.Cleanup is rejected because Main calls [os.Exit] itself.
func WithGoleak(opts ...goleak.Option) Option {
	return Option{"WithGoleak", forMain, func(o *options) error {
		o.goleak = append(o.goleak, opts...)
		return nil
	}}
}

// FullMemProfile makes [Main] set [runtime.MemProfileRate] to 1 before the tests
// run. Every allocation is then recorded, so that failures can name the line that
// allocated. It makes allocations several times slower.
func FullMemProfile() Option {
	return Option{"FullMemProfile", forMain, func(o *options) error {
		o.fullMemProfile = true
		return nil
	}}
}
