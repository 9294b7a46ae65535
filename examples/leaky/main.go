// Leaky is a web service with a memory leak and a guard. It shows what leakguard
// does, from the first request to the evidence on disk.
//
//	go run ./examples/leaky
//
// Its client first requests /hello for two seconds, and then /memory_leak, whose
// handler keeps 1 MiB of each request forever. When the guard has saved and
// explained the evidence, the client stops. The last thing printed is the report,
// whose first line names the leak. The program takes about five seconds and less
// than 600 MiB of memory. It exits with 1 if no incident was reported within -for.
//
//	go run ./examples/leaky -http 127.0.0.1:8080
//
// also serves the guard's page, leaks more slowly so that you can watch, and runs
// until it is interrupted.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/guard/guardhttp"
)

const (
	// limit is the memory limit. A demo sets it so that it does not fill the machine;
	// in a container the guard finds it.
	limit = 256 << 20
	// calm is how long the service is healthy. In the first second the guard takes
	// the profile that a leak is compared with.
	calm = 2 * time.Second
	// most bounds the leak, in requests, whatever -rate is.
	most = 400
)

func main() {
	dir := flag.String("dir", "", "`folder` for the evidence; empty: the library's default, in the user's cache folder")
	rate := flag.Int("rate", 0, "`requests` per second; 0: 300, with -http 20")
	page := flag.String("http", "", "serve the guard's page at this `address`, and keep running")
	deadline := flag.Duration("for", time.Minute, "give up after this `time` without an incident")
	flag.Parse()
	if *rate == 0 {
		*rate = 300
		if *page != "" {
			*rate = 20
		}
	}

	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stdout, nil)))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *dir, *page, *rate, *deadline); err != nil {
		slog.Error("leaky: " + err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, dir, page string, rate int, deadline time.Duration) (err error) {
	if rate < 1 || rate > 10_000 {
		return fmt.Errorf("-rate %d: want 1 to 10000 requests per second", rate)
	}
	told := make(events, 16)
	g, err := guard.Start(guard.Config{Dir: dir, Limit: limit, Sinks: []guard.Sink{told}})
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, g.Close()) }()

	interrupted := ctx.Done()
	if page != "" {
		shutdown, err := servePage(page, g)
		if err != nil {
			return err
		}
		defer shutdown()
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	url, shutdown, err := serve()
	if err != nil {
		return err
	}
	defer shutdown()

	slog.Info("client: asking for /hello", "requests_per_second", rate)
	load(ctx, url+"/hello", rate, int(calm.Seconds()*float64(rate)))

	slog.Info("client: asking for /memory_leak", "requests_per_second", rate)
	leaking, enough := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); load(leaking, url+"/memory_leak", rate, most) }()
	_, err = told.first(ctx, guard.Captured)
	enough()
	<-done
	slog.Info("service: the leak is over", "leaked_mib", free())
	if err != nil {
		return fmt.Errorf("no evidence after %v at %d requests per second: %w; try a larger -rate or -for", deadline, rate, err)
	}
	// The explanation needs memory and may have waited for the leak to be freed.
	i, err := told.first(ctx, guard.Explained)
	if err != nil {
		return fmt.Errorf("no report: %w", err)
	}
	if err := tell(os.Stdout, i); err != nil || page == "" {
		return err
	}
	slog.Info("page: running until you interrupt it")
	<-interrupted
	return nil
}

// leaked is what the service forgot to release.
var leaked struct {
	sync.Mutex
	chunks [][]byte
}

// memoryLeak is the culprit.
func memoryLeak(w http.ResponseWriter, r *http.Request) {
	chunk := make([]byte, 1<<20)
	for i := range chunk {
		chunk[i] = 1 // untouched memory does not count
	}
	leaked.Lock()
	leaked.chunks = append(leaked.chunks, chunk)
	leaked.Unlock()
	fmt.Fprintln(w, "thank you")
}

func hello(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "hello") }

// free releases the leak and returns its size.
func free() (mib int) {
	leaked.Lock()
	mib = len(leaked.chunks)
	leaked.chunks = nil
	leaked.Unlock()
	// In an idle process the next garbage collection is up to two minutes away. Until
	// then the report would have to wait for memory.
	debug.FreeOSMemory()
	return mib
}

// serve starts the service on a free port.
func serve() (url string, shutdown func(), err error) {
	mux := http.NewServeMux()
	mux.HandleFunc("/hello", hello)
	mux.HandleFunc("/memory_leak", memoryLeak)
	url, shutdown, err = listen("127.0.0.1:0", mux)
	if err == nil {
		slog.Info("service: listening", "url", url)
	}
	return url, shutdown, err
}

// servePage serves the guard's page. It uses a separate server, as a service must
// if its users are not to see the page.
func servePage(address string, g *guard.Guard) (shutdown func(), err error) {
	url, shutdown, err := listen(address, guardhttp.Handler(g, guardhttp.Config{}))
	if err == nil {
		slog.Info("page: open " + url + "/")
	}
	return shutdown, err
}

func listen(address string, handler http.Handler) (url string, shutdown func(), err error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", nil, err
	}
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			slog.Error("service: " + err.Error())
		}
	}()
	return "http://" + l.Addr().String(), func() { srv.Close() }, nil
}
