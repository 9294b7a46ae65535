// Ticker tells in half a minute what takes a service days: each request leaves a
// goroutine behind that waits for the next tick, for ever. Nobody notices, for
// each takes next to nothing, until the process is busy with waking them
// while there is nothing to do.
//
//	go run ./examples/ticker
//
// The guard finds it when the service uses a few percent of a core, and the
// report's first line names the function. It exits with 1 if nothing was found
// within -for.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"github.com/leakguard/leakguard/examples/internal/reports"
	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile"
)

const (
	// requests are made at this pace, after a calm time, in which the guard
	// learns what the service uses when all is quiet.
	requests = 40 * time.Millisecond
	calm     = 4 * time.Second
	// refresh is how often a session that nobody wants any more is refreshed.
	refresh = 20 * time.Millisecond

	// In production the quietest tenth of an hour is the floor, and the rule that
	// Start has by default watches how it moves for a day. A demo cannot wait for
	// that: here the window is 3 s, and a floor of four times what it was, and
	// 1.5% of a core more, opens the incident.
	window     = 3 * time.Second
	interval   = 100 * time.Millisecond
	factor     = 4
	least      = 15 // thousandths of a core
	cpuProfile = 2 * time.Second
)

func main() {
	dir := flag.String("dir", "", "`folder` for the evidence; empty: the library's default, in the user's cache folder")
	deadline := flag.Duration("for", 30*time.Second, "give up after this `time` without a report")
	flag.Parse()

	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stdout, nil)))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *dir, *deadline); err != nil {
		slog.Error("ticker: " + err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer, dir string, deadline time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	fmt.Fprintf(w, "A request every %v; from %v on each leaves a goroutine that ticks every %v.\n", requests, calm, refresh)
	fmt.Fprintf(w, "Sped up for the demo: the floor of CPU is that of %v, not of an hour, and a line stands for the trend of a day.\n\n", window)

	found := make(reports.First, 1)
	g, err := guard.Start(guard.Config{
		Dir: dir, Interval: interval, FloorWindow: window, CPUProfile: cpuProfile,
		Rules: []guard.Rule{{
			Name: "idle-cpu", Signal: guard.CPUFloor, Line: guard.Growth(factor, least), For: time.Second,
			Capture: guard.KindsOf(profile.CPU, profile.Goroutine),
		}},
		Sinks: []guard.Sink{found},
	})
	if err != nil {
		return err
	}
	serving, enough := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); serve(serving, g) }()

	i, report, err := found.Wait(ctx)
	enough()
	<-done
	if err == nil {
		_, err = fmt.Fprintf(w, "\nFound when the service used %v, with %v goroutines.\n\n%s",
			profile.MilliCPU(i.Value), i.Reading.Goroutines, report)
	}
	return errors.Join(err, g.Close())
}

// serve makes requests, until there is an incident: the CPU profile is to show
// what ticks when all is quiet.
func serve(ctx context.Context, g *guard.Guard) {
	begin := time.Now()
	tick := time.NewTicker(requests)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			handle(time.Since(begin) > calm && len(g.Snapshot().Incidents) == 0)
		case <-ctx.Done():
			return
		}
	}
}

// handle is a request. Whoever logs in gets a session.
func handle(login bool) {
	if login {
		go keepFresh(new(session))
	}
}

// session is what is worth keeping fresh as long as its user is there.
type session struct{ refreshed atomic.Int64 }

// keepFresh never ends: nobody tells it that the user has left. Had it a
// context, or were the ticker in a select with the session's end, it would.
func keepFresh(s *session) {
	for now := range time.Tick(refresh) {
		s.refreshed.Store(now.UnixNano())
	}
}
