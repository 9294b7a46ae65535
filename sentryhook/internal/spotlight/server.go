package spotlight

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/testenv"
)

// item is an item of an envelope as Spotlight has parsed it.
type item struct {
	EventID string // of the envelope
	Header  struct {
		Type     string `json:"type"`
		Filename string `json:"filename"`
	}
	Payload json.RawMessage
}

// server is a running Spotlight.
type server struct {
	dsn  string
	log  string
	mu   sync.Mutex
	got  []item
	errs []error
}

// start starts Spotlight and listens to what it has parsed.
func start(t *testing.T) *server {
	binary := os.Getenv("SENTRYHOOK_SPOTLIGHT")
	testenv.Need(t, binary != "", "needs SENTRYHOOK_SPOTLIGHT, the path of Spotlight's command: npm install @spotlightjs/spotlight hono@4.12.25 makes node_modules/.bin/spotlight")
	s := &server{log: filepath.Join(t.TempDir(), "spotlight.log")}
	log, err := os.Create(s.log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()

	cmd := exec.Command(binary, "server", "-p", port)
	cmd.Stdout, cmd.Stderr = log, log
	// Spotlight reports to its makers. A proxy that does not exist keeps the test on
	// this machine.
	nobody := "http://127.0.0.1:9"
	cmd.Env = append(os.Environ(), "https_proxy="+nobody, "http_proxy="+nobody, "HTTPS_PROXY="+nobody, "HTTP_PROXY="+nobody,
		"no_proxy=", "NO_PROXY=", "SENTRY_SPOTLIGHT=", "NODE_OPTIONS=")
	if err := cmd.Start(); err != nil {
		t.Fatalf("SENTRYHOOK_SPOTLIGHT: %v", err)
	}
	exited := make(chan struct{})
	go func() { cmd.Wait(); close(exited) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-exited })

	s.dsn = "http://key@127.0.0.1:" + port + "/1"
	stream := "http://127.0.0.1:" + port + "/stream"
	var resp *http.Response
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if resp, err = http.Get(stream); err == nil {
			break
		}
		select {
		case <-exited:
			t.Fatalf("Spotlight has exited:\n%s", s.said())
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("Spotlight does not answer: %v\n%s", err, s.said())
		}
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", stream, resp.Status)
	}
	go s.listen(resp)
	return s
}

func (s *server) said() []byte {
	p, _ := os.ReadFile(s.log)
	return p
}

// listen records what comes on the stream. Each envelope is a line of JSON: its header
// and its items, each of which is a header and a payload.
func (s *server) listen(resp *http.Response) {
	lines := bufio.NewReader(resp.Body)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return // the test is over
		}
		data, ok := strings.CutPrefix(line, "data:")
		if !ok {
			continue
		}
		items, err := parse([]byte(data))
		s.mu.Lock()
		s.got = append(s.got, items...)
		if err != nil {
			s.errs = append(s.errs, fmt.Errorf("%w: %.200s", err, data))
		}
		s.mu.Unlock()
	}
}

func parse(data []byte) (items []item, err error) {
	var header struct {
		EventID string `json:"event_id"`
	}
	var pairs [][2]json.RawMessage
	if err := json.Unmarshal(data, &[]any{&header, &pairs}); err != nil {
		return nil, err
	}
	for _, pair := range pairs {
		it := item{EventID: header.EventID, Payload: pair[1]}
		if err := json.Unmarshal(pair[0], &it.Header); err != nil {
			return nil, err
		}
		items = append(items, it)
	}
	return items, nil
}

// wait waits for an item.
func (s *server) wait(t *testing.T, what string, is func(item) bool) item {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		s.mu.Lock()
		got, errs := append([]item(nil), s.got...), append([]error(nil), s.errs...)
		s.mu.Unlock()
		for _, it := range got {
			if is(it) {
				return it
			}
		}
		if len(errs) > 0 {
			t.Fatalf("the stream cannot be read: %v", errs)
		}
		if time.Now().After(end) {
			t.Fatalf("Spotlight has not shown %s, but %d others\n%s", what, len(got), s.said())
		}
	}
}
