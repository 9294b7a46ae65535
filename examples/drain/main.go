// Drain is a service that leaks 1 MiB a request until the kernel kills it, behind
// a load balancer with a second one: once as it is, and once with a guard, whose
// word the balancer heeds.
//
//	go run ./examples/drain
//
// It prints how many requests failed each time. The order in which a worker
// leaves is what counts:
//
//  1. The guard finds that what lives will soon fill the limit. The readiness
//     probe answers 503 from then on, and ordinary answers say so in a header.
//  2. The balancer takes the worker out of rotation. Requests that were sent to
//     it are answered as ever, for there is memory left.
//  3. When the last of them is answered, the worker is told to go. It shuts its
//     server down and exits with 0.
//  4. The supervisor starts a new worker. Requests that come while none is ready
//     wait in the balancer.
//
// Nothing in this is a matter of timing but the first step, for which there is
// half of the limit. The balancer never sends a request twice.
//
// Workers are in memory control groups where those can be made (root on Linux);
// elsewhere, and with -soft, they kill themselves at the limit. It takes about 20
// seconds, and exits with 1 if a request failed although workers left in time.
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

// settings are those of a run.
type settings struct {
	restarts [2]int // without drain, and with it
	rate     int    // requests a second
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
	flag.IntVar(&s.restarts[0], "kills", 8, "`number` of times that workers are killed before, without a guard")
	flag.IntVar(&s.rate, "rate", 400, "`requests` a second")
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
		return errors.New("want 1 to 2000 requests a second, at least 64 MiB and a restart")
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

// measure runs the pair under load until so many workers have ended.
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
	l.run(loading, s.rate) // returns when all are answered
	stop()
	pair.Wait()
	return sup, l, errors.Join(errs...)
}
