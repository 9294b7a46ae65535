package realtest

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/ingest"
	"github.com/leakguard/leakguard/internal/testenv"
)

// nginx is a reverse proxy in front of an ingest server.
type nginx struct {
	*ingest.Server
	dsn string
	log string
}

// newNginx starts nginx with a client_max_body_size; empty: its default.
func newNginx(t *testing.T, most string) *nginx {
	binary, err := exec.LookPath("nginx")
	if err != nil { // Debian has it in a folder that only root searches
		binary = "/usr/sbin/nginx"
		_, err = os.Stat(binary)
	}
	testenv.Need(t, err == nil, "needs nginx; on Debian: apt-get install --no-install-recommends nginx")

	n := &nginx{Server: new(ingest.Server)}
	backend := httptest.NewServer(n.Server)
	t.Cleanup(backend.Close)
	dir := t.TempDir()
	n.log = filepath.Join(dir, "access.log")
	directive := ""
	if most != "" {
		directive = "client_max_body_size " + most + ";"
	}
	// Another process may take the free port before nginx listens on it.
	for try := range 5 {
		port := freePort(t)
		conf := filepath.Join(dir, fmt.Sprintf("nginx%d.conf", try))
		err := os.WriteFile(conf, []byte(strings.NewReplacer(
			"@dir", dir, "@port", port, "@backend", backend.URL, "@limit", directive,
		).Replace(nginxConf)), 0o600)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(binary, "-c", conf, "-p", dir, "-e", filepath.Join(dir, "error.log"))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		exited := make(chan struct{})
		go func() { cmd.Wait(); close(exited) }()
		if listens("127.0.0.1:"+port, exited) {
			t.Cleanup(func() { cmd.Process.Kill(); <-exited })
			n.dsn = "http://key@127.0.0.1:" + port + "/1"
			return n
		}
	}
	said, _ := os.ReadFile(filepath.Join(dir, "error.log"))
	t.Fatalf("nginx does not start:\n%s", said)
	return nil
}

// One process that keeps its user: a worker of another user could not write into the
// test's folder.
const nginxConf = `
daemon off;
master_process off;
pid @dir/nginx.pid;
error_log @dir/error.log;
events {}
http {
	log_format status '$status $request_length';
	access_log @dir/access.log status;
	client_body_temp_path @dir/body;
	proxy_temp_path @dir/proxy;
	fastcgi_temp_path @dir/fastcgi;
	uwsgi_temp_path @dir/uwsgi;
	scgi_temp_path @dir/scgi;
	@limit
	server {
		listen 127.0.0.1:@port;
		location / { proxy_pass @backend; }
	}
}
`

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// listens waits until something listens at an address, or the process that should do so
// has exited.
func listens(addr string, exited <-chan struct{}) bool {
	for range 1000 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			select { // somebody else has the port
			case <-exited:
				return false
			case <-time.After(50 * time.Millisecond):
				return true
			}
		}
		select {
		case <-exited:
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
	return false
}

// refusals returns how many times nginx has answered 413. It waits for as many as are
// known, because nginx logs them only after the client's connection has closed.
func (n *nginx) refusals(t *testing.T, known int) (count int) {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if count = n.logged(t); count >= known || time.Now().After(end) {
			return count
		}
	}
}

func (n *nginx) logged(t *testing.T) (count int) {
	log, err := os.ReadFile(n.log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(log)) {
		if strings.HasPrefix(line, "413 ") {
			count++
		}
	}
	return count
}

// The limits are really nginx's: without this test, a wrong configuration would look like
// a success.
func TestNginx(t *testing.T) {
	for most, limit := range map[string]int{"": 1 << 20, "1m": 1 << 20, "50m": 50 << 20} {
		n := newNginx(t, most)
		url := strings.Replace(strings.TrimSuffix(n.dsn, "/1"), "key@", "", 1) + "/api/1/envelope/"
		for _, c := range []struct{ size, status int }{{limit, 200}, {limit + 1, 413}} {
			head := "{}\n{\"type\":\"attachment\"}\n"
			resp, err := http.Post(url, "", strings.NewReader(head+strings.Repeat("x", c.size-len(head))))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != c.status {
				t.Errorf("client_max_body_size %q: %d bytes: %s, want %d", most, c.size, resp.Status, c.status)
			}
		}
		if got := n.refusals(t, 1); got != 1 {
			t.Errorf("%d refusals in nginx's log, want 1", got)
		}
	}
}
