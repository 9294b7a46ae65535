package guard_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile"
)

// The one line that a service needs.
func ExampleStart() {
	g, err := guard.Start(guard.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer g.Close()

	// ... serve ...
}

// An image is configured without code where its program asks for that.
func ExampleConfig_WithEnv() {
	os.Setenv("LEAKGUARD_LIMIT", "512MiB")
	os.Setenv("LEAKGUARD_SHARE", "80%")
	defer os.Unsetenv("LEAKGUARD_LIMIT")
	defer os.Unsetenv("LEAKGUARD_SHARE")

	cfg, err := guard.Config{Service: "checkout"}.WithEnv()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(cfg.Service, cfg.Limit, cfg.Lines.MemoryShare)
	// Output: checkout 536870912 0.8
}

// A value that is out of range is an error that says what is allowed.
func ExampleConfig_WithEnv_error() {
	os.Setenv("LEAKGUARD_INTERVAL", "5ms")
	defer os.Unsetenv("LEAKGUARD_INTERVAL")

	_, err := guard.Config{}.WithEnv()
	fmt.Println(err)
	// Output:
	// guard: faults in the environment: 1:
	// LEAKGUARD_INTERVAL: "5ms": out of range; want a duration from 10ms to 1m, such as 1s
}

// Rules of one's own replace the default ones.
func ExampleRule() {
	rules := []guard.Rule{
		{Name: "memory", Signal: guard.Memory, Line: guard.ShareOfLimit(0.9)},
		{Name: "heap", Signal: guard.LiveHeap, Line: guard.Absolute(400 << 20), For: 10 * time.Second},
		{
			Name: "goroutines", Signal: guard.Goroutines, Line: guard.Growth(4, 10_000),
			Capture: guard.KindsOf(profile.Goroutine, profile.Mutex),
		},
	}
	for _, r := range rules {
		fmt.Println(r)
	}
	// Output:
	// memory: memory at 90% of the limit
	// heap: live heap at 400.0 MiB
	// goroutines: goroutines at 4 times the baseline and at least 10,000 above it
}

func ExampleAbsolute() {
	fmt.Println(guard.Rule{Name: "threads", Signal: guard.Threads, Line: guard.Absolute(500)})
	// Output: threads: threads at 500
}

func ExampleShareOfLimit() {
	fmt.Println(guard.ShareOfLimit(0.75))
	// Output: 75% of the limit
}

func ExampleGrowth() {
	fmt.Println(guard.Rule{Name: "heap-growth", Signal: guard.LiveHeap, Line: guard.Growth(4, 512<<20)})
	// Output: heap-growth: live heap at 4 times the baseline and at least 512.0 MiB above it
}

// A service that is idle at times, and of which it is known what it then uses,
// need not wait for the day that the default rule takes.
func ExampleConfig_floorWindow() {
	cfg := guard.Config{
		FloorWindow: 30 * time.Minute,
		Rules: []guard.Rule{{
			Name: "idle-cpu", Signal: guard.CPUFloor, Line: guard.Growth(4, 50), For: time.Hour,
			Capture: guard.KindsOf(profile.CPU, profile.Goroutine),
		}},
	}
	fmt.Println(cfg.Rules[0])
	// Output: idle-cpu: CPU floor at 4 times the baseline and at least 5% of a core above it
}

// A fast leak is caught by how soon it meets the limit, not by how much it has.
func ExampleTimeToLimit() {
	fmt.Println(guard.Rule{
		Name: "time-to-limit", Signal: guard.Memory,
		Line: guard.TimeToLimit(250 * time.Millisecond), Floor: guard.ShareOfLimit(0.5),
	})
	// Output: time-to-limit: memory at 250ms to the limit, not below 50% of the limit
}

// A service that leaves before it is killed: its readiness check fails under
// pressure by itself (guardhttp.Ready), here it ends when the balancer has had
// the time to notice.
func ExampleConfig_onPressure() {
	leave := make(chan guard.Pressure, 1)
	g, err := guard.Start(guard.Config{
		OnPressure: func(ctx context.Context, p guard.Pressure) {
			select {
			case <-time.After(10 * time.Second): // longer than the balancer takes to notice
			case <-ctx.Done():
				if ctx.Err() == context.Canceled {
					return // it is over
				}
			}
			leave <- p // main shuts the server down, and exits with 0
		},
		// What leaving takes, with some to spare.
		Pressure: guard.PressureLines{Time: time.Minute},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer g.Close()

	// ... serve until leave ...
}

// A worker takes on nothing new when memory runs out, finishes what it has begun,
// and leaves.
func ExampleGuard_PressureContext() {
	g := quiet()
	defer stop(g)

	ctx, cancel := g.PressureContext(context.Background())
	defer cancel()
	for _, job := range []string{"invoice 1", "invoice 2"} {
		if ctx.Err() != nil {
			log.Print("leaving: ", context.Cause(ctx)) // such as 'guard: memory pressure: 442.0 MiB live, 86% of 512.0 MiB'
			break
		}
		fmt.Println("done:", job)
	}
	// Output:
	// done: invoice 1
	// done: invoice 2
}

// What can wait does not begin while memory is short.
func ExampleGuard_UnderPressure() {
	g := quiet()
	defer stop(g)

	if g.UnderPressure() {
		fmt.Println("busy, come back later")
		return
	}
	fmt.Println("welcome")
	// Output: welcome
}

// A status page tells of the last episode, too.
func ExampleGuard_Pressure() {
	g := quiet()
	defer stop(g)

	p, ok := g.Pressure()
	fmt.Println(ok, p)
	// Output: false no pressure
}

// quiet is a guard that only does what the example asks it to do.
func quiet(sinks ...guard.Sink) *guard.Guard {
	dir, err := os.MkdirTemp("", "leakguard-example-")
	if err != nil {
		log.Fatal(err)
	}
	g, err := guard.Start(guard.Config{Dir: dir, Rules: []guard.Rule{}, Sinks: sinks, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	return g
}

// stop closes it and removes what it has kept.
func stop(g *guard.Guard) {
	dir := g.Store().Dir()
	if err := g.Close(); err != nil {
		log.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		log.Fatal(err)
	}
}

// A handler for operators may capture on demand.
func ExampleGuard_Capture() {
	g := quiet()
	defer stop(g)

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	incident, err := g.Capture(ctx, "asked for by an operator", profile.Goroutine)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(incident.Trigger, incident.Reason)
	for _, a := range incident.Artefacts {
		if a.Name == "goroutine.pb.gz" {
			fmt.Println(a.Name) // below incident.Folder
		}
	}
	// Output:
	// manual asked for by an operator
	// goroutine.pb.gz
}

// A status page shows what was last decided, and why.
func ExampleGuard_Snapshot() {
	g := quiet()
	defer stop(g)

	s := g.Snapshot()
	fmt.Println(len(s.Rules), "rules,", len(s.Incidents), "open incidents")
	fmt.Println("heap known:", s.Reading.HeapAlloc.Known())
	// Output:
	// 0 rules, 0 open incidents
	// heap known: true
}

// pager is a sink: it tells somebody who is on duty.
type pager struct{ page chan string }

func (p pager) Name() string { return "pager" }

// Deliver is called for one event after the other. What it returns an error for
// is offered again after the next Start.
func (p pager) Deliver(ctx context.Context, e guard.Event) error {
	if e.Kind != guard.Captured {
		return nil // delivered: there is nothing to say about it
	}
	select {
	case p.page <- e.Kind.String() + ": " + e.Reason:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func ExampleSink() {
	p := pager{page: make(chan string, 1)}
	g := quiet(p)
	defer stop(g)

	if _, err := g.Capture(context.Background(), "an exercise", profile.Goroutine); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-p.page)
	// Output: captured: an exercise
}
