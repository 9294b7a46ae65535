package guardtest

import (
	"fmt"
	"strings"
	"time"

	"go.uber.org/goleak"
)

// Option changes what an assertion does. An option that is given to a function
// it is not for fails the test, and the failure says so.
type Option struct {
	name  string
	scope scope
	apply func(*options) error
}

// scope is the functions that an option is for.
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

// options is what all options say together.
type options struct {
	ignore         []ignoreRule
	needCreators   bool // an ignoreRule asks for them
	countDaemons   bool
	patience       time.Duration
	goleak         []goleak.Option
	fullMemProfile bool
	heap           heapOptions
}

// buildOptions applies the options that are given to one of the functions.
func buildOptions(where scope, opts []Option) (options, error) {
	o := options{patience: defaultPatience}
	for _, opt := range opts {
		switch {
		case opt.apply == nil:
			return o, fmt.Errorf("%v: an empty Option: take one that a function of this package returns", where)
		case opt.scope&where == 0:
			return o, fmt.Errorf("%v: the option %s is for %v only", where, opt.name, opt.scope)
		}
		if err := opt.apply(&o); err != nil {
			return o, fmt.Errorf("%v: the option %s: %w", where, opt.name, err)
		}
	}
	return o, nil
}

const defaultPatience = 2 * time.Second

// Patience is for how long a goroutine may go on after the test has ended, 2 s
// where it is not given. The check ends as soon as nothing is left, so a longer
// patience costs time only where a test fails. Zero looks once.
func Patience(d time.Duration) Option {
	return Option{"Patience", forVerifyNone | forMain | forNoDescriptorLeak | forNoTimerLeak, func(o *options) error {
		if d < 0 {
			return fmt.Errorf("%v is negative", d)
		}
		o.patience = d
		return nil
	}}
}

// WithGoleak gives options of goleak's to [Main]: what they ignore is ignored.
// goleak.Cleanup is refused: Main calls [os.Exit] itself.
func WithGoleak(opts ...goleak.Option) Option {
	return Option{"WithGoleak", forMain, func(o *options) error {
		o.goleak = append(o.goleak, opts...)
		return nil
	}}
}

// FullMemProfile makes [Main] set [runtime.MemProfileRate] to 1 before the
// tests run, so that each allocation is recorded and a growing heap can be
// blamed on its line. It makes allocations several times slower.
func FullMemProfile() Option {
	return Option{"FullMemProfile", forMain, func(o *options) error {
		o.fullMemProfile = true
		return nil
	}}
}
