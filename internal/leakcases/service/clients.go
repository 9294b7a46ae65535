package service

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// clients is the child process. It has the upstream and the clients. It writes the
// address of the upstream to its standard output, and reads what to do from its standard
// input, a line each: the base URL of the service, 'begin' for the clients of the case,
// and 'stop'. It exits when its input ends.
type clients struct {
	cmd *exec.Cmd
	in  io.WriteCloser
}

// startClients starts the child process and returns the address of the upstream.
func startClients() (c *clients, upstream string, err error) {
	cmd := exec.Command(os.Args[0], append([]string{"-role=clients"}, os.Args[1:]...)...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", fmt.Errorf("start the clients: %w", err)
	}
	c = &clients{cmd, in}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		c.end()
		return nil, "", fmt.Errorf("read the upstream's address from the clients: %w", err)
	}
	return c, strings.TrimSpace(line), nil
}

func (c *clients) tell(line string) { fmt.Fprintln(c.in, line) }

func (c *clients) end() {
	c.in.Close()
	c.cmd.Process.Kill()
	c.cmd.Wait()
}

// runChild is the main function of the child process.
func runChild(c Case) error {
	upstream := "none"
	switch {
	case c.ChildUp != nil:
		upstream = c.ChildUp()
	case c.Upstream != nil:
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		go http.Serve(ln, c.Upstream)
		upstream = "http://" + ln.Addr().String()
	}
	fmt.Println(upstream)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	base := ""
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		switch line := lines.Text(); {
		case base == "":
			base = line
			go Every(context.Background(), 400, func(i int) { ordinary(base, i) })
		case line == "begin" && c.Client != nil:
			go Every(ctx, c.Rate, func(i int) { c.Client(base, i) })
		case line == "stop":
			stop()
		}
	}
	return nil
}

// ordinary makes one call of the ordinary load. It fills the cache, then keeps it turning
// over at a lower rate.
func ordinary(base string, i int) {
	if i > 8000 && i%8 != 0 {
		return
	}
	Get(fmt.Sprintf("%s/item/%d", base, rand.IntN(12000)))
	if i%16 == 0 {
		Get(base + "/search?q=x")
	}
}

// Get is a client that does everything right.
func Get(url string) { Do("GET", url, nil) }

// Do is a client that does everything right. header has names and values in turn.
func Do(method, url string, body io.Reader, header ...string) {
	r, err := http.NewRequest(method, url, body)
	if err != nil {
		panic(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return // the service is being killed
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

// Every calls f perSecond times a second, one call at a time, until ctx ends. i counts
// the calls.
func Every(ctx context.Context, perSecond int, f func(i int)) {
	t := time.NewTicker(time.Second / time.Duration(perSecond))
	defer t.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			f(i)
		}
	}
}
