package guardhttp

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The benchmark starts this program as its viewers: in one process their work
// would count as the service's.
func init() {
	if address := os.Getenv("GUARDHTTP_VIEWERS_OF"); address != "" {
		view(address, viewers)
	}
}

const viewers = 100

// view looks at so many streams, until it is killed, and prints how many messages
// have come each second.
func view(address string, n int) {
	var messages atomic.Int64
	for range n {
		go func() {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				fmt.Println("error", err)
				return
			}
			fmt.Fprintf(conn, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				if strings.HasPrefix(lines.Text(), "data: ") {
					messages.Add(1)
				}
			}
		}()
	}
	for range time.Tick(time.Second) {
		fmt.Println(messages.Load())
	}
}

// BenchmarkViewers measures what 100 open pages cost the service at an update a
// second: in percent of a core, and in CPU time a message. One of its operations is
// a second.
func BenchmarkViewers(b *testing.B) {
	g := richGuard(b)
	h := newHandler(g, true, Config{})
	stop := make(chan bool)
	defer close(stop)
	go func() { // something is new in each section that changes by itself
		for i := int64(0); ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Second):
			}
			g.read((300 + i%100) * mib)
			g.mu.Lock()
			g.snapshot.Counters.Readings++
			for r := range g.snapshot.Rules {
				g.snapshot.Rules[r].Value += mib
			}
			g.mu.Unlock()
		}
	}()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: h}
	go server.Serve(l)
	defer server.Close()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "GUARDHTTP_VIEWERS_OF="+l.Addr().String())
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	counts := bufio.NewScanner(out)
	for counts.Scan() {
		if n := len(counts.Text()); n >= 3 { // each has had one
			break
		}
	}
	var sent atomic.Int64
	go func() {
		for counts.Scan() {
			if n, err := strconv.ParseInt(counts.Text(), 10, 64); err == nil {
				sent.Store(n)
			}
		}
	}()
	message, err := json.Marshal(h.states.now())
	if err != nil {
		b.Fatal(err)
	}
	var before, after syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	start, first := time.Now(), sent.Load()
	for b.Loop() {
		time.Sleep(time.Second)
	}
	took := time.Since(start)
	b.ReportMetric(float64(sent.Load()-first)/took.Seconds(), "messages/s")
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	cpu := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	b.ReportMetric(100*cpu.Seconds()/took.Seconds(), "%core")
	b.ReportMetric(float64(cpu.Microseconds())/(took.Seconds()*viewers), "µs/message")
	b.ReportMetric(float64(len(message)), "B/state")
}
