//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/guard/internal/overhead/service"
)

const childFlag = "-child"

// usage is the resource use of a process.
type usage struct {
	CPU         time.Duration // user and system
	RSS         int64         // bytes
	Anon        int64         // bytes of RSS that are no page of a file
	Descriptors int
}

// serve is the process under measurement with a guard, which the parent switches on and
// off.
func serve(dir string) {
	var g *guard.Guard
	mux := http.NewServeMux()
	mux.HandleFunc("/guard/on", func(w http.ResponseWriter, _ *http.Request) {
		var err error
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
	if err := service.Serve(mux); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// buildPlain builds the service without a guard, whose code is then not in the program
// either.
func buildPlain(folder string) (program string, err error) {
	program = filepath.Join(folder, "plain")
	out, err := exec.Command("go", "build", "-o", program, "github.com/leakguard/leakguard/guard/internal/overhead/plain").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the service without a guard: %w: %s", err, out)
	}
	return program, nil
}

// process is a running child.
type process struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	base string
	dir  string
}

// start starts the service: the program plain, or if that is "" this one, which has a
// guard.
func start(plain string) (*process, error) {
	dir, err := os.MkdirTemp("", "leakguard-overhead-")
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(plain), dir: dir}
	if plain == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		p.cmd = exec.Command(self, childFlag, dir)
	}
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

// usage asks the process for its CPU time, and the kernel for the rest.
func (p *process) usage() (u usage, err error) {
	body, err := p.ask("/usage")
	if err == nil {
		err = json.Unmarshal(body, &u.CPU)
	}
	if err != nil {
		return u, err
	}
	proc := fmt.Sprintf("/proc/%d/", p.cmd.Process.Pid)
	rows, err := os.ReadFile(proc + "smaps_rollup")
	if err != nil {
		return u, err
	}
	for row := range strings.Lines(string(rows)) {
		f := strings.Fields(row)
		if len(f) < 3 || f[2] != "kB" {
			continue
		}
		kib, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			return u, err
		}
		switch f[0] {
		case "Rss:":
			u.RSS = kib << 10
		case "Anonymous:":
			u.Anon = kib << 10
		}
	}
	open, err := os.ReadDir(proc + "fd")
	u.Descriptors = len(open)
	return u, err
}
