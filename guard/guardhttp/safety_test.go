package guardhttp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile/incident"
)

// ask sends a request without a network.
func ask(h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// routes are all that can be asked for of the guard's newest incident.
func routes(h *handler) (all []string, id string) {
	id = h.states.now().Incidents[0].ID
	all = []string{"/", "/api/v1/state", "/api/v1/history", "/api/v1/incidents", "/api/v1/incident/" + id,
		"/api/v1/incident/" + id + "/flame?file=heap.pb.gz", "/api/v1/incident/" + id + "/flame?file=heap-fresh.pb.gz&base=heap-base.pb.gz",
		"/assets/page.js", "/assets/page.css", "/assets/uplot.js", "/assets/flame.js", "/assets/draw.js", "/assets/NOTICE.txt", "/goroutine"}
	for _, name := range []string{"heap.pb.gz", "report.txt", "report.md", "report.html", "manifest.json"} {
		all = append(all, "/incident/"+id+"/"+name)
	}
	return all, id
}

func TestEveryAnswerIsConfined(t *testing.T) {
	t.Setenv("DATABASE_PASSWORD", "hunter2-is-secret")
	h := newHandler(richGuard(t), true, Config{ProfileEvery: time.Nanosecond})
	all, _ := routes(h)
	for _, prefix := range []string{"", "/debug/leakguard", "/a/b/heap/incident/x"} {
		for _, target := range all {
			time.Sleep(2 * time.Millisecond) // the least time between two profiles
			w := ask(h, "GET", prefix+target)
			if w.Code != http.StatusOK {
				t.Errorf("GET %s%s: %d %s", prefix, target, w.Code, w.Body)
			}
			header := w.Header()
			policy := header.Get("Content-Security-Policy")
			report := strings.HasSuffix(target, "report.html")
			switch {
			case !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'"):
				t.Errorf("%s has the policy %q", target, policy)
			case report && !strings.HasPrefix(policy, "sandbox allow-scripts;"):
				t.Errorf("%s is in no sandbox: %q", target, policy)
			case !report && strings.Contains(policy, "unsafe-inline"):
				t.Errorf("%s may have inline scripts: %q", target, policy)
			}
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin"} {
				if got := header.Get(name); got != want {
					t.Errorf("%s has %s %q, want %q", target, name, got, want)
				}
			}
			if body := w.Body.String(); strings.Contains(body, "hunter2") || strings.Contains(body, "DATABASE_PASSWORD") || strings.Contains(body, "-test.") {
				t.Errorf("%s shows the environment or arguments", target)
			}
			if head := ask(h, "HEAD", prefix+target); head.Code != http.StatusOK || head.Header().Get("Content-Security-Policy") != policy {
				t.Errorf("HEAD %s%s: %d", prefix, target, head.Code)
			}
		}
	}
	if inline := strings.Count(pageHTML, "<script>") + strings.Count(pageHTML, "<style") + strings.Count(pageHTML, "style=") + strings.Count(pageHTML, "onclick"); inline > 0 {
		t.Error("the page has something inline, which its policy forbids")
	}
	for _, never := range []string{"innerHTML", "outerHTML =", "insertAdjacentHTML", "document.write", "eval(", "new Function"} {
		if strings.Contains(pageJS, never) {
			t.Errorf("page.js holds %s", never)
		}
	}
}

func TestGetChangesNothing(t *testing.T) {
	g := richGuard(t)
	captures := 0
	g.capture = func(context.Context) (guard.Incident, error) { captures++; return guard.Incident{}, nil }
	h := newHandler(g, true, Config{})
	all, _ := routes(h)
	before := tree(t, g.store.Dir())
	for _, target := range all {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get"} {
			w := ask(h, method, target, captureHeader, "1")
			if read := method == "GET" || method == "HEAD"; !read && (w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD") {
				t.Errorf("%s %s: %d, want 405", method, target, w.Code)
			}
		}
	}
	for _, method := range []string{"GET", "HEAD", "PUT"} {
		if w := ask(h, method, "/capture", captureHeader, "1"); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" {
			t.Errorf("%s capture: %d, want 405", method, w.Code)
		}
	}
	if captures > 0 {
		t.Errorf("%d captures were taken", captures)
	}
	if after := tree(t, g.store.Dir()); after != before {
		t.Errorf("the store was\n%s\nand is\n%s", before, after)
	}
}

// tree lists a folder with sizes and times.
func tree(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		inner, _ := os.ReadDir(dir + "/" + e.Name())
		for _, f := range inner {
			if fi, err := f.Info(); err == nil {
				b.WriteString(e.Name() + "/" + f.Name() + " " + fi.ModTime().String() + " " + strconv.FormatInt(fi.Size(), 10) + "\n")
			}
		}
	}
	return b.String()
}

func TestPostNeedsTheSameSite(t *testing.T) {
	captures := 0
	g := &fakeGuard{capture: func(context.Context) (guard.Incident, error) {
		captures++
		return guard.Incident{ID: "20261120T101530.123Z-manual-7f3a", Folder: "/x"}, nil
	}}
	for _, c := range []struct {
		name   string
		header []string
		want   int
	}{
		{"curl", []string{captureHeader, "1"}, 200},
		{"our page", []string{captureHeader, "1", "Sec-Fetch-Site", "same-origin", "Origin", "http://example.com"}, 200},
		{"our page over plain http", []string{captureHeader, "1", "Origin", "http://example.com"}, 200},
		{"our page behind a proxy", []string{captureHeader, "1", "Origin", "https://ops.example.org", "X-Forwarded-Host", "ops.example.org"}, 200},
		{"a form", []string{}, 403},
		{"a form of ours", []string{"Sec-Fetch-Site", "same-origin"}, 403},
		{"another site", []string{captureHeader, "1", "Sec-Fetch-Site", "cross-site"}, 403},
		{"another subdomain", []string{captureHeader, "1", "Sec-Fetch-Site", "same-site"}, 403},
		{"another origin", []string{captureHeader, "1", "Origin", "http://evil.example"}, 403},
		{"another port", []string{captureHeader, "1", "Origin", "http://example.com:8081"}, 403},
		{"no origin", []string{captureHeader, "1", "Origin", "null"}, 403},
	} {
		before := captures
		w := ask(newHandler(g, true, Config{}), "POST", "/x/capture", c.header...)
		if w.Code != c.want || (captures > before) != (c.want == 200) {
			t.Errorf("%s: %d %s, captured: %v, want %d", c.name, w.Code, w.Body, captures > before, c.want)
		}
	}
}

func TestCapturesAreFewAndFarBetween(t *testing.T) {
	begun, finish := make(chan bool), make(chan error)
	g := &fakeGuard{capture: func(context.Context) (guard.Incident, error) {
		begun <- true
		err := <-finish
		return guard.Incident{ID: "20261120T101530.123Z-manual-7f3a", Folder: "/x"}, err
	}}
	h := newHandler(g, true, Config{CaptureEvery: time.Hour})
	first := make(chan *httptest.ResponseRecorder)
	go func() { first <- ask(h, "POST", "/capture", captureHeader, "1") }()
	<-begun
	if w := ask(h, "POST", "/capture", captureHeader, "1"); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("beside another: %d %v, want 429 with Retry-After", w.Code, w.Header())
	}
	finish <- nil
	w := <-first
	var c captured
	if err := json.Unmarshal(w.Body.Bytes(), &c); w.Code != 200 || err != nil || c.ID == "" {
		t.Errorf("the first: %d %s", w.Code, w.Body)
	}
	w = ask(h, "POST", "/capture", captureHeader, "1")
	if after, _ := strconv.Atoi(w.Header().Get("Retry-After")); w.Code != http.StatusTooManyRequests || after < 3500 || after > 3600 {
		t.Errorf("right after: %d, Retry-After %d, want 429 and an hour", w.Code, after)
	}

	for _, c := range []struct {
		err  error
		want int
	}{{guard.ErrBusy, 429}, {guard.ErrClosed, 503}, {errors.New("disk full"), 503}} {
		g.capture = func(context.Context) (guard.Incident, error) { return guard.Incident{}, c.err }
		if w := ask(newHandler(g, true, Config{}), "POST", "/capture", captureHeader, "1"); w.Code != c.want {
			t.Errorf("%v: %d %s, want %d", c.err, w.Code, w.Body, c.want)
		}
	}
	if w := ask(Handler(nil, Config{}), "POST", "/capture", captureHeader, "1"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("without a guard: %d", w.Code)
	}
}

func TestNoWayOutOfTheStore(t *testing.T) {
	g := richGuard(t)
	if err := os.WriteFile(g.store.Dir()+"/../secret.txt", []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHandler(g, true, Config{})
	_, id := routes(h)
	if err := os.WriteFile(filepath.Join(g.store.Dir(), id, "delivery.json"), []byte(`{"sinks":{}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	// What does not look like one of the store's names, and a link that does.
	if err := os.Symlink("../../secret.txt", g.store.Dir()+"/"+id+"/cpu.pb.gz"); runtime.GOOS == "windows" && err != nil {
		t.Skip("links need a privilege on Windows: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("a", 1<<16)
	for _, path := range []string{
		"/incident/" + id + "/cpu.pb.gz",
		"/incident/" + id + "/../../secret.txt",
		"/incident/../secret.txt",
		"/incident/../../../../etc/passwd",
		"/incident/" + id + "/..%2f..%2fsecret.txt",
		"/incident/%2e%2e/secret.txt",
		"/incident/" + id + "/secret.txt",
		"/incident/" + id + "/delivery.json",
		"/incident/" + id + "/heap.pb.gz%00.txt",
		"/incident/" + id + "/C:%5csecret.txt",
		"/incident/" + id + "/" + long,
		"/incident/" + long + "/heap.pb.gz",
		"/api/v1/incident/" + long,
		"/api/v1/incident/../state.json",
		"/api/v1/incident/" + id + "/flame?file=../../secret.txt",
		"/api/v1/incident/" + id + "/flame?file=cpu.pb.gz",
		"/api/v1/incident/" + id + "/flame?file=report.html",
		"/api/v1/incident/" + id + "/flame",
		"/api/v1/incident/" + id + "/flame?file=heap.pb.gz&base=" + long,
		"/api/v1/incident/20200101T000000.000Z-heap-0000",
		"/incident/20200101T000000.000Z-heap-0000/heap.pb.gz",
		"/assets/../page/page.html", "/assets/.", "/assets/doc.go", "/nothing", "/apiv1/state", "/debug/vars",
	} {
		w := ask(h, "GET", path)
		if w.Code != http.StatusNotFound && w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret\n") || w.Body.String() == "secret" {
			t.Errorf("GET %.100s: %d %.200s, want 404", path, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), g.store.Dir()) {
			t.Errorf("GET %.100s tells where the store is: %.200s", path, w.Body)
		}
		if w.Body.Len() > 1000 {
			t.Errorf("GET %.100s: %d bytes say that there is nothing", path, w.Body.Len())
		}
	}
	for since, want := range map[string]int{"": 200, "1.5": 200, "2026-11-20T10:15:30Z": 200, "-1": 400, "NaN": 400, "1e300": 400, "x": 400, "0x10": 400, long: 400} {
		if w := ask(h, "GET", "/api/v1/history?since="+since); w.Code != want {
			t.Errorf("since=%.20s: %d, want %d", since, w.Code, want)
		}
	}
}

func TestRanges(t *testing.T) {
	h := newHandler(richGuard(t), true, Config{})
	_, id := routes(h)
	path := "/incident/" + id + "/report.txt"
	whole := ask(h, "GET", path).Body.Bytes()
	w := ask(h, "GET", path, "Range", "bytes=5-9")
	if w.Code != http.StatusPartialContent || !bytes.Equal(w.Body.Bytes(), whole[5:10]) {
		t.Errorf("bytes 5 to 9: %d %q", w.Code, w.Body)
	}
	for _, bad := range []string{"bytes=99999999-", "bytes=9-5", "bytes=99999999999999999999-", "lines=1-2", "bytes=a-b"} {
		if w := ask(h, "GET", path, "Range", bad); w.Code != http.StatusRequestedRangeNotSatisfiable {
			t.Errorf("%s: %d, want 416", bad, w.Code)
		}
	}
	// Many ranges that overlap must not multiply what is sent.
	many := "bytes=0-" + strings.Repeat(",0-", 500)
	if w := ask(h, "GET", path, "Range", many); w.Body.Len() > 2*len(whole) {
		t.Errorf("%d bytes are sent of a file of %d", w.Body.Len(), len(whole))
	}
}

func TestBounds(t *testing.T) {
	g := richGuard(t)
	h := newHandler(g, true, Config{Viewers: 1, ProfileEvery: time.Hour})
	_, id := routes(h)
	tooMany := func(what, target string, want int) {
		t.Helper()
		w := ask(h, "GET", target)
		if after, _ := strconv.Atoi(w.Header().Get("Retry-After")); w.Code != want || after < 1 {
			t.Errorf("%s: %d %s, Retry-After %d; want %d", what, w.Code, w.Body, after, want)
		}
	}
	fill := func(s slots) (empty func()) {
		for range cap(s) {
			s <- struct{}{}
		}
		return func() {
			for range cap(s) {
				<-s
			}
		}
	}
	empty := fill(h.flames)
	tooMany("a second flame graph", "/api/v1/incident/"+id+"/flame?file=heap.pb.gz", 429)
	empty()
	empty = fill(h.downloads)
	tooMany("a ninth download", "/incident/"+id+"/heap.pb.gz", 503)
	empty()
	empty = fill(h.reads)
	tooMany("a ninth manifest", "/api/v1/incident/"+id, 503)
	tooMany("a ninth history", "/api/v1/history", 503)
	empty()
	empty = fill(h.downloads)
	tooMany("a ninth profile", "/heap", 503)
	empty()
	empty = fill(h.requests)
	tooMany("a further request", "/api/v1/state", 503)
	empty()
	if w := ask(h, "GET", "/heap"); w.Code != 200 {
		t.Errorf("heap: %d %s", w.Code, w.Body)
	}
	tooMany("a second profile", "/goroutine", 429)
	for _, target := range []string{"/heap", "/api/v1/incident/" + id + "/flame?file=heap.pb.gz"} {
		if w := ask(newHandler(g, true, Config{}), "GET", target, "Sec-Fetch-Site", "cross-site"); w.Code != 403 {
			t.Errorf("%s for a page of another origin: %d", target, w.Code)
		}
	}
	v := h.hub.join(nil)
	tooMany("a second page", "/events", 503)
	h.hub.leave(v)

	// With 3 MiB left a flame graph would be the last straw, and so would a
	// profile.
	g.snapshot.Reading.Unreclaimable = 509 * mib
	h = newHandler(g, true, Config{})
	tooMany("a flame graph near the limit", "/api/v1/incident/"+id+"/flame?file=heap.pb.gz", 503)
	tooMany("a profile near the limit", "/heap", 503)
}

func TestPprofTakesIt(t *testing.T) {
	g := richGuard(t)
	h := newHandler(g, true, Config{ProfileEvery: time.Millisecond})
	server := httptest.NewServer(http.StripPrefix("/debug", h))
	defer server.Close()
	_, id := routes(h)
	calls := [][]string{
		{"-base", server.URL + "/debug/incident/" + id + "/heap-base.pb.gz", server.URL + "/debug/incident/" + id + "/heap-fresh.pb.gz"},
		{server.URL + "/debug/heap"},
		{server.URL + "/debug/goroutine"},
	}
	if testing.Short() {
		calls = calls[:1] // each starts go tool pprof
	}
	for _, args := range calls {
		cmd := exec.Command("go", append([]string{"tool", "pprof", "-top"}, args...)...)
		cmd.Env = append(os.Environ(), "PPROF_TMPDIR="+t.TempDir())
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("flat%")) {
			t.Errorf("go tool pprof -top %s: %v\n%s", args, err, out)
		}
		if len(args) > 1 && !bytes.Contains(out, []byte("cache.(*Store).Put")) {
			t.Errorf("the difference does not name the culprit:\n%s", out)
		}
	}
}

// A client that announces a body and never sends it is answered at once, and
// holds nothing but its connection.
func TestSlowSender(t *testing.T) {
	g := &fakeGuard{capture: func(context.Context) (guard.Incident, error) {
		return guard.Incident{ID: "20261120T101530.123Z-manual-7f3a", Folder: "/x"}, nil
	}}
	server := httptest.NewServer(newHandler(g, true, Config{}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /capture HTTP/1.1\r\nHost: x\r\nLeakguard: 1\r\nContent-Length: 1000000000\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 12)
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "HTTP/1.1 200" {
		t.Errorf("answered %q, %v", answer, err)
	}
}

// deadlines notes what a handler sets.
type deadlines struct {
	*httptest.ResponseRecorder
	read, write []time.Time
	writes      int
	unguarded   int           // writes without a deadline in the future
	wrote       chan struct{} // closed by the first write, if not nil
}

func (d *deadlines) SetReadDeadline(t time.Time) error  { d.read = append(d.read, t); return nil }
func (d *deadlines) SetWriteDeadline(t time.Time) error { d.write = append(d.write, t); return nil }
func (d *deadlines) Write(p []byte) (int, error) {
	d.writes++
	if d.wrote != nil && d.writes == 1 {
		close(d.wrote)
	}
	if len(d.write) == 0 || time.Until(d.write[len(d.write)-1]) <= 0 {
		d.unguarded++
	}
	return d.ResponseRecorder.Write(p)
}

// A client that does not read is cut off: each answer has a deadline, and a large
// file one by its size.
func TestSlowReader(t *testing.T) {
	h := newHandler(richGuard(t), true, Config{})
	all, _ := routes(h)
	for _, target := range all {
		d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		h.ServeHTTP(d, httptest.NewRequest("GET", target, nil))
		if d.writes == 0 || d.unguarded > 0 || len(d.read) == 0 {
			t.Errorf("%s: %d writes, %d of them without a deadline; %d deadlines to read", target, d.writes, d.unguarded, len(d.read))
		}
	}
	d := &deadlines{ResponseRecorder: httptest.NewRecorder(), wrote: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan bool)
	r := httptest.NewRequest("GET", "/events", nil).WithContext(ctx)
	go func() { h.ServeHTTP(d, r); done <- true }()
	<-d.wrote
	cancel()
	<-done
	if d.writes == 0 || d.unguarded > 0 {
		t.Errorf("events: %d writes, %d of them without a deadline", d.writes, d.unguarded)
	}
}

func TestNoGuard(t *testing.T) {
	h := Handler(nil, Config{})
	for target, want := range map[string]int{"/": 200, "/api/v1/state": 200, "/api/v1/history": 200, "/api/v1/incidents": 200, "/heap": 200,
		"/api/v1/incident/20200101T000000.000Z-heap-0000": 404, "/incident/20200101T000000.000Z-heap-0000/heap.pb.gz": 404} {
		if w := ask(h, "GET", target); w.Code != want {
			t.Errorf("GET %s: %d %s, want %d", target, w.Code, w.Body, want)
		}
	}
	var s state
	if err := json.Unmarshal(ask(h, "GET", "/api/v1/state").Body.Bytes(), &s); err != nil || s.Status.Level != levelUnknown || s.Process != nil {
		t.Errorf("the state is %+v (%v), want unknown", s.Status, err)
	}
}

func TestWithoutASlash(t *testing.T) {
	h := http.StripPrefix("/debug/leakguard", newHandler(&fakeGuard{}, true, Config{}))
	w := ask(h, "GET", "/debug/leakguard")
	if w.Code != http.StatusTemporaryRedirect || w.Header().Get("Location") != "./leakguard/" {
		t.Errorf("%d to %q", w.Code, w.Header().Get("Location"))
	}
	w = ask(h, "GET", "/debug/leakguard/")
	if w.Code != 200 || w.Body.String() != pageHTML {
		t.Errorf("%d", w.Code)
	}
}

// No path makes a route whose parts the store would not take.
func FuzzParseRoute(f *testing.F) {
	for _, s := range []string{"/", "", "/incident/20261120T101530.123Z-heap-7f3a/heap.pb.gz", "/api/v1/incident/../x", "a/b/events", "/assets/page.js", "/x/heap"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		r, args := parseRoute(path)
		switch r {
		case routeIncident, routeFlame, routeFile:
			if !incident.IsID(args[0]) {
				t.Errorf("%q: the incident %q", path, args[0])
			}
		}
		for _, a := range args {
			if strings.Contains(a, "/") {
				t.Errorf("%q: the part %q", path, a)
			}
		}
		again, _ := parseRoute("/some/prefix" + path)
		if strings.HasPrefix(path, "/") && r != routeNone && again != r {
			t.Errorf("%q is route %d, and %d below a prefix", path, r, again)
		}
	})
}
