package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/guard/guardhttp"
	"github.com/leakguard/leakguard/internal/cgroup/newgroup"
)

// What a worker is told by its environment.
const (
	envWorker = "DRAIN_WORKER" // set: be a worker; its value is the folder of the guard
	envGroup  = "DRAIN_GROUP"  // the control group to join
	envLimit  = "DRAIN_LIMIT"  // without a group: the bytes above which it kills itself, as the kernel would
	envDrain  = "DRAIN_DRAIN"  // set: with a guard
)

// failHeader says with an ordinary answer what the readiness probe would say:
// send no more. Envoy knows it by this name.
const failHeader = "X-Envoy-Immediate-Health-Check-Fail"

// startTime is what a service needs before it can serve: it loads, connects,
// warms up. Real ones take longer.
const startTime = 100 * time.Millisecond

// worker is the service: a web server that keeps 1 MiB of each request.
func worker() error {
	// In the group from its first allocations on, or they count elsewhere.
	if group := os.Getenv(envGroup); group != "" {
		if err := newgroup.Join(group); err != nil {
			return err
		}
	}
	var limit int64 // 0: found in the control group
	if text := os.Getenv(envLimit); text != "" {
		var err error
		if limit, err = strconv.ParseInt(text, 10, 64); err != nil {
			return err
		}
	}
	// A guard that is off is nil, and never under pressure.
	g, err := guard.Start(guard.Config{
		Off: os.Getenv(envDrain) == "", Dir: os.Getenv(envWorker), Limit: limit,
		// Usually growth is no pressure in the first minute, in which services
		// fill their caches. These live for a second.
		Pressure: guard.PressureLines{Warmup: -1},
		// The evidence is examples/leaky's story.
		Rules: []guard.Rule{}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	defer g.Close()

	mux := http.NewServeMux()
	mux.HandleFunc("GET /work", func(w http.ResponseWriter, r *http.Request) {
		leak()
		if limit > 0 && resident() > limit {
			killSelf()
		}
		if g.UnderPressure() {
			w.Header().Set(failHeader, "true")
		}
		fmt.Fprintln(w, "done")
	})
	mux.Handle("GET /ready", guardhttp.Ready(g))
	time.Sleep(startTime)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	fmt.Println(l.Addr()) // the supervisor waits for this

	// Under pressure nothing happens here: the readiness probe fails by itself.
	// The balancer notices, sends nothing more, waits for what it has sent, and
	// then the supervisor closes this pipe, as another sends SIGTERM. Leaving any
	// sooner would refuse requests that are on their way. Nor is the deadline of
	// pressure of use here, for it is that of a worker that goes on working.
	// Where nobody tells, wait for longer than the balancer takes to notice.
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		return err
	}
	if err := <-served; err != http.ErrServerClosed {
		return err
	}
	return nil
}

// leaked is what the service forgot to let go of.
var leaked struct {
	sync.Mutex
	chunks [][]byte
}

// leak is the culprit.
func leak() {
	chunk := make([]byte, 1<<20)
	for i := 0; i < len(chunk); i += 4096 {
		chunk[i] = 1 // memory that was never touched does not count
	}
	leaked.Lock()
	leaked.chunks = append(leaked.chunks, chunk)
	leaked.Unlock()
}

// killSelf ends the process as the kernel does at a real limit: between two
// instructions, with whatever was under way.
func killSelf() {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Kill()
	}
	select {}
}
