// Drain is a service that leaks 1 MiB per request until the kernel kills it. It
// runs in two workers behind a load balancer: once without a guard, and once with a
// guard that tells the balancer when memory is running out.
//
//	go run ./examples/drain
//
// It prints how many requests failed in each case. What counts is the order in
// which a worker leaves:
//
//  1. The guard finds that the live heap will soon reach the limit. From then on
//     the readiness probe returns 503, and ordinary responses say so in a header.
//  2. The balancer takes the worker out of rotation. The worker still answers the
//     requests that were sent to it, because there is memory left.
//  3. When the last of them is answered, the worker is told to leave. It shuts its
//     server down and exits with 0.
//  4. The supervisor starts a new worker. Requests that arrive while none is ready
//     wait in the balancer.
//
// Only the first step depends on timing, and it has half of the limit to spare. The
// balancer never sends a request twice.
//
// Workers run in memory control groups if these can be created (root on Linux).
// Otherwise, and with -soft, they kill themselves at the limit. The program takes
// about 20 seconds. It exits with 1 if a request failed although the workers left
// in time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/leakguard/leakguard/internal/cgroup/newgroup"
)

// faultCode is the exit code of a worker that failed, as opposed to one that was
// killed.
const faultCode = 2

// settings are the parameters of a run.
type settings struct {
	restarts [2]int // without draining, and with it
	rate     int    // requests per second
	limit    int64  // bytes
	soft     bool
}

func main() {
	if os.Getenv(envWorker) != "" {
		if err := worker(); err != nil {
			fmt.Fprintln(os.Stderr, "drain: worker:", err)
			os.Exit(faultCode)
		}
		return
	}
	var s settings
	flag.IntVar(&s.restarts[1], "restarts", 20, "`number` of times that workers leave in time")
	flag.IntVar(&s.restarts[0], "kills", 8, "`number` of times that workers without a guard are killed before that")
	flag.IntVar(&s.rate, "rate", 400, "`requests` per second")
	limit := flag.Int64("limit", 256, "memory of each of the two workers, in `MiB`")
	flag.BoolVar(&s.soft, "soft", false, "no memory control groups")
	flag.Parse()
	s.limit = *limit << 20

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, s); err != nil {
		fmt.Fprintln(os.Stderr, "drain:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer, s settings) error {
	if s.rate < 1 || s.rate > 2000 || s.limit < 64<<20 || s.restarts[0] < 1 || s.restarts[1] < 1 {
		return errors.New("want 1 to 2000 requests per second, at least 64 MiB and one restart")
	}
	how := "memory control groups"
	if !s.soft {
		_, remove, err := newgroup.Make(s.limit)
		switch {
		case errors.Is(err, newgroup.ErrUnable):
			s.soft = true
		case err != nil:
			return err
		default:
			if err := remove(); err != nil {
				return err
			}
		}
	}
	if s.soft {
		how = "workers that kill themselves at the limit"
	}
	fmt.Fprintf(w, "two workers of %d MiB, %d requests a second that leak 1 MiB each, %s\n\n", s.limit>>20, s.rate, how)
	table := tabwriter.NewWriter(w, 0, 0, 1, ' ', tabwriter.Debug)
	fmt.Fprintln(table, "workers\trestarts\trequests\tfailed\tshare\tlongest without an answer")
	var failed *load
	for i, name := range []string{"are killed", "leave in time"} {
		sup, l, err := s.measure(ctx, i == 1, s.restarts[i])
		if err != nil {
			return err
		}
		kills := ""
		if n := sup.killed.Load(); n > 0 {
			kills = fmt.Sprintf(" (%d killed)", n)
		}
		fmt.Fprintf(table, "%s\t%d%s\t%d\t%d\t%.1f%%\t%v\n", name, sup.left.Load()+sup.killed.Load(), kills,
			l.requests, l.failed, 100*float64(l.failed)/float64(max(l.requests, 1)), l.longestGap.Round(time.Millisecond))
		failed = l
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if failed.failed > 0 {
		return fmt.Errorf("%d requests failed although workers left in time: %v", failed.failed, failed.failures)
	}
	return ctx.Err()
}

// measure runs the workers under load until that many have ended.
func (s settings) measure(ctx context.Context, drain bool, restarts int) (sup *supervisor, l *load, err error) {
	dir, err := os.MkdirTemp("", "leakguard-drain-")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := newBalancer()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	srv := &http.Server{Handler: b, ReadHeaderTimeout: 10 * time.Second}
	go srv.Serve(listener)
	defer srv.Close()

	supervising, stop := context.WithCancel(ctx)
	loading, enough := context.WithCancel(ctx)
	defer enough()
	defer stop()
	sup = &supervisor{balancer: b, drain: drain, limit: s.limit, soft: s.soft, dir: dir}
	sup.ended = func() {
		if int(sup.left.Load()+sup.killed.Load()) >= restarts {
			enough()
		}
	}
	errs := make([]error, 2)
	var pair sync.WaitGroup
	for i := range errs {
		pair.Go(func() {
			defer enough()
			errs[i] = sup.keep(supervising, i)
		})
	}
	l = &load{url: "http://" + listener.Addr().String() + "/work"}
	l.run(loading, s.rate) // returns when all requests have been answered
	stop()
	pair.Wait()
	return sup, l, errors.Join(errs...)
}
