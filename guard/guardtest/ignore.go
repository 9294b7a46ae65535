package guardtest

import (
	"errors"
	"slices"
)

// knownDaemons are functions of well-known packages that cannot be stopped: nothing that
// a test could close owns them. What a constructor starts does not belong here, even if
// importing the package calls the constructor once: the baseline has that goroutine.
var knownDaemons = []string{
	"github.com/golang/glog.(*fileSink).flushDaemon",
	"github.com/golang/glog.(*loggingT).flushDaemon",
	"github.com/rcrowley/go-metrics.(*meterArbiter).tick",
	"github.com/redis/go-redis/v9/internal/pool.startGlobalTimeCache.func1",
	"github.com/syndtr/goleveldb/leveldb.(*DB).mpoolDrain",
	"github.com/valyala/fasthttp.(*TCPDialer).tcpAddrsClean",
	"github.com/valyala/fasthttp.updateServerDate.func1",
	"go.opencensus.io/stats/view.(*worker).start",
	"gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun",
	"k8s.io/klog.(*loggingT).flushDaemon",
	"k8s.io/klog/v2.(*flushDaemon).run.func1",
	"k8s.io/klog/v2.(*loggingT).flushDaemon",
	"os/signal.loop",
	"runtime.ensureSigM.func1",
	"runtime/pprof.profileWriter",
	"runtime/trace.Start.func1",
}

// KnownDaemons returns the functions of well-known packages that run until the
// process ends, or until a cache of the package is empty, and that cannot be stopped.
// Goroutines with one of them on their stack do
// not count unless [CountDaemons] is given. They are: the flushers of glog and
// klog, the worker of OpenCensus, the tickers of go-metrics, go-redis
// and fasthttp, the cleaner of fasthttp's addresses, the mills of lumberjack and goleveldb, the loop of
// os/signal, and the writers of CPU profiles and execution traces.
func KnownDaemons() []string { return slices.Clone(knownDaemons) }

// ignoreRule reports whether to ignore a group of goroutines.
type ignoreRule func(*group) bool

// IgnoreTop ignores goroutines that wait in this function: the innermost on their
// stack that is not the runtime's. Give the full name as failures or stack traces print
// it, such as 'github.com/acme/shop.(*Cache).sweep' or 'github.com/acme/shop.(*LRU[...]).sweep'.
func IgnoreTop(function string) Option {
	return ignoring("IgnoreTop", function, func(g *group) bool { return named(g.top(), function) })
}

// IgnoreAny ignores goroutines that have this function anywhere on their stack.
// Give the full name, as for [IgnoreTop].
func IgnoreAny(function string) Option {
	return ignoring("IgnoreAny", function, func(g *group) bool { return g.has(function) })
}

// IgnoreCreatedBy ignores goroutines that code of this package started, or that
// were started with a function of it. Give its import path. If the process has
// 1,000 goroutines or more, only the latter is known.
func IgnoreCreatedBy(pkg string) Option {
	o := ignoring("IgnoreCreatedBy", pkg, func(g *group) bool {
		return ofPackage(g.root, pkg) || ofPackage(g.creator.function, pkg)
	})
	apply := o.apply
	o.apply = func(o *options) error {
		o.needCreators = true
		return apply(o)
	}
	return o
}

// IgnoreLabel ignores goroutines with this pprof label; see [runtime/pprof.Do].
func IgnoreLabel(key, value string) Option {
	return ignoring("IgnoreLabel", key, func(g *group) bool { return g.hasLabel(key, value) })
}

func ignoring(name, what string, rule ignoreRule) Option {
	return Option{name, forVerifyNone | forMain, func(o *options) error {
		if what == "" {
			return errors.New("the name is empty")
		}
		o.ignore = append(o.ignore, rule)
		return nil
	}}
}

// CountDaemons also counts the goroutines of [KnownDaemons].
func CountDaemons() Option {
	return Option{"CountDaemons", forVerifyNone | forMain, func(o *options) error {
		o.countDaemons = true
		return nil
	}}
}

func (o *options) ignores(g *group) bool {
	if g.plumbing() || !o.countDaemons && slices.ContainsFunc(knownDaemons, g.has) {
		return true
	}
	return slices.ContainsFunc(o.ignore, func(rule ignoreRule) bool { return rule(g) })
}
