//go:build linux

// Command overhead measures what a guard costs its process. It compares a real
// process with and without a guard, and prints a Markdown table:
//
//	go run ./guard/internal/overhead
//
// Idle: pairs of processes wait for requests side by side, so that both see the
// same machine. The program of one has no code of a guard. Their CPU time (getrusage)
// is compared after a warm-up that covers the guard's first baseline. Their resident
// set is compared three times: before the first request, when only the process with a
// guard has had a cycle of the garbage collector; after 5,000 requests; and when the
// guard has taken its second baseline, a minute after its start. The anonymous part is
// memory of the process; the rest are pages of its executable, which the kernel can drop.
//
// Busy: an HTTP service runs under as much load as a client in the parent can make.
// The guard is started and closed in the same process, in slices in the order
// without, with, with, without. Neither the luck of a process's layout nor a drift
// of the machine then favours one side. Each four slices give one ratio; the table
// has the median and quartiles of the ratios.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

// plan is how much to measure.
type plan struct {
	pairs   int           // of idle processes
	idle    time.Duration // how long each pair is measured
	workers int           // busy processes, one after the other
	rounds  int           // each of four slices, per busy process
	slice   time.Duration
	clients int
	later   time.Duration // after the start of the guard, when its second baseline is over
	warmUp  time.Duration // covers the start of a process and the guard's first baseline
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == childFlag {
		serve(os.Args[2])
		return
	}
	p := plan{warmUp: 2 * time.Second}
	flag.IntVar(&p.pairs, "pairs", 3, "pairs of idle processes")
	flag.DurationVar(&p.idle, "idle", 8*time.Second, "how long each pair is measured")
	flag.DurationVar(&p.later, "later", 75*time.Second, "time after the guard's start of the last look at each pair")
	flag.IntVar(&p.workers, "workers", 2, "busy processes, one after the other")
	flag.IntVar(&p.rounds, "rounds", 3, "rounds of four slices for each busy process")
	flag.DurationVar(&p.slice, "slice", time.Second, "length of a slice")
	flag.IntVar(&p.clients, "clients", 8, "connections of the client")
	flag.Parse()
	r, err := measure(p)
	if err != nil {
		fmt.Fprintln(os.Stderr, "overhead:", err)
		os.Exit(1)
	}
	fmt.Print(r.table())
}

func measure(p plan) (r results, err error) {
	if err := r.measureIdle(p); err != nil {
		return r, err
	}
	return r, r.measureBusy(p)
}
