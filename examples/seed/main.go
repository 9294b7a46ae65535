// Seed tells the story that this library began with, in ten seconds instead of a
// week. Goroutines leak slowly at one line, and the memory of a different package
// grows in proportion. A look at the heap alone blames the wrong package.
//
//	go run ./examples/seed
//
// The last thing it prints is the report. The report names both and says which is
// the likely cause and which grows with it. The program exits with 1 if no incident
// was explained within -for.
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
	"time"

	"github.com/leakguard/leakguard/examples/internal/reports"
	"github.com/leakguard/leakguard/examples/seed/recorder"
	"github.com/leakguard/leakguard/examples/seed/storage"
	"github.com/leakguard/leakguard/guard"
)

const (
	// line is the number of goroutines at which the guard reports. In production it
	// watches the trend over hours; a demo cannot wait that long.
	line = 600
	// calm is how long the service is healthy.
	calm = 2 * time.Second
	// every is the time between two requests. One request in leakyEvery has a client
	// that gives up too early.
	every      = time.Millisecond
	leakyEvery = 10
)

func main() {
	dir := flag.String("dir", "", "`folder` for the evidence; empty: the library's default, in the user's cache folder")
	deadline := flag.Duration("for", time.Minute, "give up after this `time` without a report")
	flag.Parse()

	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stdout, nil)))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *dir, *deadline); err != nil {
		slog.Error("seed: " + err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer, dir string, deadline time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	found := make(reports.First, 1)
	g, err := guard.Start(guard.Config{
		Dir:   dir,
		Rules: []guard.Rule{{Name: "goroutines", Signal: guard.Goroutines, Line: guard.Absolute(line)}},
		Sinks: []guard.Sink{found},
	})
	if err != nil {
		return err
	}
	recording := recorder.Start()
	working, enough := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); serve(working) }()

	_, report, err := found.Wait(ctx)
	enough()
	<-done
	recording.Stop()
	if err == nil {
		_, err = fmt.Fprintf(w, "\n%s", report)
	}
	return errors.Join(err, g.Close())
}

// serve makes requests. At first all succeed, then the clients of some give up
// before the answer arrives.
func serve(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	begin := time.Now()
	for n := 1; ctx.Err() == nil; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		request, cancel := context.WithCancel(ctx)
		if n%leakyEvery == 0 && time.Since(begin) > calm {
			cancel()
		}
		storage.Get(request, "key")
		cancel()
	}
}
