// Ticker shows in half a minute what takes a service days: each request leaves
// behind a goroutine that wakes at each tick, forever. Nobody notices, because each
// takes almost nothing, until waking them keeps the process busy while there is
// nothing to do.
//
//	go run ./examples/ticker
//
// The guard finds the leak once the service uses a few percent of a core, and the
// report's first line names the function. The program exits with 1 if nothing was
// found within -for.
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
	// requests is the time between two requests. They begin after a calm time, in
	// which the guard learns what the idle service uses.
	requests = 40 * time.Millisecond
	calm     = 4 * time.Second
	// refresh is how often an abandoned session is refreshed.
	refresh = 20 * time.Millisecond

	// In production the floor of CPU is the quietest tenth of an hour, and the
	// default rule watches its trend for a day. A demo cannot wait that long. Here
	// the window is 3 s, and an incident opens if the floor is four times what it was
	// and at least 1.5% of a core more.
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
	fmt.Fprintf(w, "A request every %v; after %v each leaves behind a goroutine that ticks every %v.\n", requests, calm, refresh)
	fmt.Fprintf(w, "Sped up for the demo: the floor of CPU covers %v instead of an hour, and a threshold replaces the trend over a day.\n\n", window)

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

// serve makes requests until there is an incident. They then stop, so that the CPU
// profile shows what ticks in an idle service.
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

// handle handles a request. A login gets a session.
func handle(login bool) {
	if login {
		go keepFresh(new(session))
	}
}

// session is worth keeping fresh as long as its user is there.
type session struct{ refreshed atomic.Int64 }

// keepFresh never ends, because nothing tells it that the user has left. The fix is
// a select that also waits for a context or for the end of the session.
func keepFresh(s *session) {
	for now := range time.Tick(refresh) {
		s.refreshed.Store(now.UnixNano())
	}
}
