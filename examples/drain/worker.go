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

// The environment variables of a worker.
const (
	envWorker = "DRAIN_WORKER" // set: be a worker; the value is the guard's folder
	envGroup  = "DRAIN_GROUP"  // the control group to join
	envLimit  = "DRAIN_LIMIT"  // without a group: the bytes above which it kills itself, as the kernel would
	envDrain  = "DRAIN_DRAIN"  // set: with a guard
)

// failHeader is set on ordinary responses and means the same as a failing readiness
// probe: send no more. Envoy knows it by this name.
const failHeader = "X-Envoy-Immediate-Health-Check-Fail"

// startTime simulates what a service does before it can serve: loading, connecting,
// warming up. Real services take longer.
const startTime = 100 * time.Millisecond

// worker is the service: a web server that keeps 1 MiB of each request.
func worker() error {
	// Join before allocating: memory allocated earlier would count elsewhere.
	if group := os.Getenv(envGroup); group != "" {
		if err := newgroup.Join(group); err != nil {
			return err
		}
	}
	var limit int64 // 0: use the control group's
	if text := os.Getenv(envLimit); text != "" {
		var err error
		if limit, err = strconv.ParseInt(text, 10, 64); err != nil {
			return err
		}
	}
	// A guard that is off is nil, and never under pressure.
	g, err := guard.Start(guard.Config{
		Off: os.Getenv(envDrain) == "", Dir: os.Getenv(envWorker), Limit: limit,
		// By default, growth in the first minute is no pressure, because services fill
		// their caches then. These workers live for seconds.
		Pressure: guard.PressureLines{Warmup: -1},
		// This example does not need evidence; examples/leaky shows that.
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
	fmt.Println(l.Addr()) // the supervisor waits for this line

	// Under pressure there is nothing to do here, because the readiness probe fails
	// by itself. The balancer notices, stops sending, and waits for the responses.
	// Then the supervisor closes this pipe, as others send SIGTERM. A worker that
	// left earlier would refuse requests that are on their way. The deadline of the
	// pressure episode does not help either: it assumes that the worker goes on
	// working. Without a supervisor, wait longer than the balancer takes to notice.
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

// leaked is what the service forgot to release.
var leaked struct {
	sync.Mutex
	chunks [][]byte
}

// leak is the culprit.
func leak() {
	chunk := make([]byte, 1<<20)
	for i := 0; i < len(chunk); i += 4096 {
		chunk[i] = 1 // untouched memory does not count
	}
	leaked.Lock()
	leaked.chunks = append(leaked.chunks, chunk)
	leaked.Unlock()
}

// killSelf ends the process as the kernel does at a real limit: between two
// instructions, whatever it is doing.
func killSelf() {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Kill()
	}
	select {}
}
