// Package service is what all cases share: an HTTP service with middleware, a bounded
// cache that warms up, handlers that make garbage, clients in a child process (so that
// their memory is not the service's), and a guard.
//
// It belongs to the main module of each case, as such code does in a real service.
package service

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/leakguard/leakguard/guard"
)

// Case is a service that leaks, or one that looks like it and is healthy. Each field
// may be zero.
type Case struct {
	// Healthy says that nothing leaks. The case then runs for the time For.
	Healthy bool
	// Limit is the memory limit in bytes, above which the process is killed. Zero: 160
	// MiB. Negative: none of its own, but that of the control group.
	Limit int64
	// Rules are the guard's. Nil: the default rules.
	Rules []guard.Rule

	// Setup registers the handlers. upstream is the base URL of Upstream, or what ChildUp
	// returned.
	Setup func(mux *http.ServeMux, upstream string)
	// Wrap puts middleware round all handlers.
	Wrap func(http.Handler) http.Handler
	// Start does the work that no request drives. It is called once the calm time is over,
	// and may return at once or when ctx ends.
	Start func(ctx context.Context, perSecond int)
	// Relieve ends the leak and frees what it holds. It is called in the way 'recovered',
	// when ctx has ended and the clients have stopped.
	Relieve func()

	// Upstream is a service that this one calls. It runs in the child process.
	Upstream http.Handler
	// ChildUp starts an upstream of another protocol in the child process, and returns its
	// address.
	ChildUp func() string
	// Client makes one call of the service at base, in the child process. i counts the
	// calls.
	Client func(base string, i int)
	// Rate is how often a second Client is called, one call at a time. Zero: 50.
	Rate int
	// Slow replaces Rate with the flag -slow, which is for a look by hand.
	Slow int

	// Calm is the time before Client and Start. Zero: 8 s.
	Calm time.Duration
	// For is the time from the start to the end, if the process is not killed before.
	// Zero: 38 s.
	For time.Duration
}

var (
	way    = flag.String("way", "killed", "killed, recovered or manual; next: explain what the last process left")
	dir    = flag.String("dir", filepath.Join(os.TempDir(), "leakcases", filepath.Base(os.Args[0])), "`folder` of the evidence")
	manual = flag.String("manual", "", "`folder` of the two manual captures; none if empty")
	slow   = flag.Bool("slow", false, "leak at the rate Slow, with no end to the time")
	role   = flag.String("role", "", "internal")
)

// Main runs the case in the way that the flags say, and exits.
func Main(c Case) {
	flag.Parse()
	c.Rate = cmp.Or(c.Rate, 50)
	if *slow {
		c.Rate, c.For = cmp.Or(c.Slow, c.Rate), 24*time.Hour
	}
	c.Limit = cmp.Or(c.Limit, 160<<20)
	c.Calm = cmp.Or(c.Calm, 8*time.Second)
	c.For = cmp.Or(c.For, 38*time.Second)
	run := func() error { return runService(c) }
	switch {
	case *role == "clients":
		run = func() error { return runChild(c) }
	case *way == "next":
		run = func() error { return explainLeft(c) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "leakcases:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
