// Sentry shows what profiling does to Sentry's relay and to the process, and how
// sentryhook helps.
//
//	go run ./examples/sentry
//
// A service with 1,000 parked goroutines, traced and profiled by sentry-go v0.30.0,
// handles a request of 10 s and four of 100 ms. It runs three times, each time in a
// separate process: as it is, with the throttling transport, and with the gate as
// well. It sends to a small local server with the limits of Relay, behind the limit
// of a stock nginx (1 MiB on the wire). The last thing printed is a table of what
// arrived and what it cost. This takes about 35 s and less than 500 MB of memory.
//
//	go run ./examples/sentry -full
//
// does the same with 1,000 and 5,000 goroutines and with 10 and 33 s. This takes 7
// minutes and 5 GB. With -dsn it sends to your own relay, and the table lacks what
// only the local server can know.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/ingest"
)

func main() {
	var s scene
	flag.IntVar(&s.Goroutines, "goroutines", 1000, "`number` of parked goroutines")
	flag.DurationVar(&s.Long, "for", 10*time.Second, "`duration` of the long request")
	flag.StringVar(&s.DSN, "dsn", "", "send to this `DSN`; empty: to a local server")
	proxy := flag.Int64("proxy", 1<<20, "`bytes` that the local server's proxy accepts")
	full := flag.Bool("full", false, "the full scene: 1,000 and 5,000 goroutines, 10 and 33 s")
	only := flag.String("only", "", "run only this `mode`, in this process, and print its result as JSON: "+strings.Join(modes, ", "))
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := start(ctx, s, *proxy, *full, *only, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "sentry:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context, s scene, proxy int64, full bool, only string, out io.Writer) error {
	if s.Goroutines < 0 || s.Long <= 0 {
		return fmt.Errorf("-goroutines %d -for %v: want at least 0 goroutines and a duration above 0", s.Goroutines, s.Long)
	}
	if only != "" {
		s.Mode = only
		r, err := s.run()
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(r)
	}
	scenes := []scene{s}
	if full {
		scenes = nil
		for _, n := range []int{1000, 5000} {
			for _, d := range []time.Duration{10 * time.Second, 33 * time.Second} {
				scenes = append(scenes, scene{Goroutines: n, Long: d, DSN: s.DSN})
			}
		}
	}
	for _, s := range scenes {
		if err := compare(ctx, s, proxy, out); err != nil {
			return err
		}
	}
	return nil
}

// compare runs a scene in each mode and prints the table.
func compare(ctx context.Context, s scene, proxy int64, out io.Writer) error {
	fmt.Fprintf(out, "%d parked goroutines, a request of %v and %d of %v; a proxy that lets %s pass\n",
		s.Goroutines, s.Long, shortRequests, shortTime, size(proxy))
	var columns []column
	for _, mode := range modes {
		s.Mode = mode
		fmt.Fprintf(out, "running %s ...\n", mode)
		c, err := runChild(ctx, s, proxy)
		if err != nil {
			return fmt.Errorf("%s: %w", mode, err)
		}
		columns = append(columns, c)
	}
	return printTable(out, columns)
}

// runChild runs a scene in a separate process, because the SDK's recorder never
// stops and peaks of memory persist.
func runChild(ctx context.Context, s scene, proxy int64) (c column, err error) {
	if s.DSN == "" {
		c.server = &ingest.Server{WireBytes: proxy}
		dsn, shutdown, err := serve(c.server)
		if err != nil {
			return c, err
		}
		defer shutdown()
		s.DSN = dsn
	}
	exe, err := os.Executable()
	if err != nil {
		return c, err
	}
	cmd := exec.CommandContext(ctx, exe, "-only", s.Mode, "-dsn", s.DSN,
		"-goroutines", fmt.Sprint(s.Goroutines), "-for", s.Long.String())
	cmd.Stderr = os.Stderr
	said, err := cmd.Output()
	if err != nil {
		return c, cmp.Or(ctx.Err(), err)
	}
	return c, json.Unmarshal(said, &c.result)
}

// serve serves h, which accepts envelopes, on a free port.
func serve(h http.Handler) (dsn string, shutdown func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, "sentry: server:", err)
		}
	}()
	return "http://key@" + l.Addr().String() + "/1", func() { srv.Close() }, nil
}
