//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/internal/procfs"
)

const childFlag = "-child"

// usage is the resource use of a process.
type usage struct {
	CPU time.Duration // user and system
	RSS int64         // bytes
}

// serve is the process under measurement: a small HTTP service. It prints its
// address, and exits when its standard input is closed.
func serve(dir string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var g *guard.Guard
	mux := http.NewServeMux()
	mux.HandleFunc("/work", work)
	mux.HandleFunc("/guard/on", func(w http.ResponseWriter, _ *http.Request) {
		if g, err = guard.Start(guard.Config{Dir: dir}); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("/guard/off", func(w http.ResponseWriter, _ *http.Request) {
		incidents := g.Snapshot().Counters.Incidents
		if err := g.Close(); err != nil || incidents > 0 {
			http.Error(w, fmt.Sprintf("%d incidents, %v", incidents, err), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("/usage", func(w http.ResponseWriter, _ *http.Request) {
		var r syscall.Rusage
		var s procfs.Stat
		p, err := procfs.Open("/")
		if err == nil {
			err = errors.Join(p.Read(&s), p.Close(), syscall.Getrusage(syscall.RUSAGE_SELF, &r))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		json.NewEncoder(w).Encode(usage{time.Duration(r.Utime.Nano() + r.Stime.Nano()), s.RSS})
	})
	fmt.Println(listener.Addr())
	go http.Serve(listener, mux)
	io.Copy(io.Discard, os.Stdin)
}

// order is the content of a request. It is large enough to decode and encode that a
// handler allocates as much as real ones do.
type order struct {
	ID    string            `json:"id"`
	Items []item            `json:"items"`
	Tags  map[string]string `json:"tags"`
}

type item struct {
	Name  string  `json:"name"`
	Price float64 `json:"price"`
	Count int     `json:"count"`
}

var oneOrder = order{
	ID:    "20261120-000042",
	Items: []item{{"bolt", 0.25, 100}, {"nut", 0.2, 100}, {"washer", 0.05, 200}, {"spanner", 12.5, 1}},
	Tags:  map[string]string{"channel": "web", "country": "at", "currency": "EUR"},
}

func work(w http.ResponseWriter, r *http.Request) {
	var o order
	if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for i := range o.Items {
		o.Items[i].Count++
	}
	json.NewEncoder(w).Encode(o)
}

// process is a running child.
type process struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	base string
	dir  string
}

func start() (*process, error) {
	dir, err := os.MkdirTemp("", "leakguard-overhead-")
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self, childFlag, dir), dir: dir}
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	line := bufio.NewScanner(out)
	if !line.Scan() {
		return nil, errors.Join(errors.New("the process to be measured does not start"), p.stop())
	}
	p.base = "http://" + line.Text()
	return p, nil
}

func (p *process) stop() error {
	return errors.Join(p.in.Close(), p.cmd.Wait(), os.RemoveAll(p.dir))
}

// ask requests a path and returns the response.
func (p *process) ask(path string) ([]byte, error) {
	res, err := http.Get(p.base + path)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, res.Status, body)
	}
	return body, err
}

func (p *process) usage() (u usage, err error) {
	body, err := p.ask("/usage")
	if err == nil {
		err = json.Unmarshal(body, &u)
	}
	return u, err
}
