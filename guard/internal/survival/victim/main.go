//go:build linux

// Victim is a service with a guard that leaks until the kernel kills it. It only
// starts the guard, as a user's service would.
//
// The shape successor is the next process: it reports what the victim died of.
//
// The shapes chunks, linked and goroutines leak. The shapes garbage and doubling do
// not, and exit by themselves after -for.
package main

import (
	"flag"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/guard/internal/survival/progress"
)

var (
	dir      = flag.String("dir", "", "the guard's `folder`")
	log      = flag.String("log", "", "progress log `file`, created by the harness")
	limit    = flag.Int64("limit", 512<<20, "memory limit in `bytes`, for the victim's own arithmetic only")
	rate     = flag.Float64("rate", 100, "`MiB/s` to leak, or to allocate as garbage")
	spawn    = flag.Float64("spawn", 100000, "goroutines to leak per second in the shape goroutines")
	hold     = flag.Float64("hold", 0.40, "share of the limit to hold before the leak")
	busy     = flag.Float64("busy", 0, "`share` of the time in which each of two goroutines does allocating work, throughout")
	warm     = flag.Duration("warm", 2*time.Second, "time between the start of the guard and that of the leak")
	shape    = flag.String("shape", "chunks", "chunks, linked, goroutines; garbage, doubling; or successor")
	chunk    = flag.Int("chunk", 64<<10, "`bytes` per chunk, or per batch of linked nodes")
	period   = flag.Duration("period", time.Minute, "period of the shape doubling")
	duration = flag.Duration("for", time.Minute, "time to run in the shapes garbage and doubling")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "victim:", err)
		os.Exit(1)
	}
}

func run() error {
	if *shape == "successor" {
		return successor()
	}
	holdMemory(int(*hold*float64(*limit)), *shape == "linked")
	if _, err := guard.Start(guard.Config{Dir: *dir}); err != nil {
		return err
	}
	if *busy > 0 {
		go serve(*busy)
		go serve(*busy)
	}
	time.Sleep(*warm)
	w, err := progress.Open(*log)
	if err != nil {
		return err
	}
	start, total := time.Now(), new(atomic.Int64)
	note := func(n int64) { w.Note(time.Now(), total.Add(n)) }
	w.Note(start, 0)

	switch *shape {
	case "garbage":
		stop := time.Now().Add(*duration)
		go makeGarbage(0, *rate/2, stop, note)
		makeGarbage(1, *rate/2, stop, note)
		return nil
	case "doubling":
		doubleHeap(int(*hold*float64(*limit)), *period, time.Now().Add(*duration))
		return nil
	case "chunks", "linked", "goroutines":
	default:
		return fmt.Errorf("unknown shape %q", *shape)
	}
	for i := range leaked {
		go leakHere(i, start, note)
	}
	select {}
}
