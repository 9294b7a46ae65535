package guardhttp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leakguard/leakguard/guard"
)

// steadyGuard is a guard whose figures change with time.
func steadyGuard() *fakeGuard {
	g := &fakeGuard{}
	now := time.Now()
	g.readings = append(g.readings, reading(now, 100*mib, 60*mib, 40))
	g.snapshot.Reading = g.readings[0]
	g.snapshot.Limits.Kill = 512 * mib
	return g
}

func (g *fakeGuard) read(memory int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := reading(time.Now(), memory, memory/2, 40)
	g.readings = append(g.readings, r)
	g.snapshot.Reading = r
}

// sections decodes a message.
func sections(t *testing.T, m []byte) map[string]json.RawMessage {
	t.Helper()
	data, ok := bytes.CutPrefix(m, []byte("data: "))
	if !ok || !bytes.HasSuffix(m, []byte("\n\n")) || bytes.Count(m, []byte("\n")) != 2 {
		t.Fatalf("%.100q is no event of one line", m)
	}
	var s map[string]json.RawMessage
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := steadyGuard()
		h := newHandler(g, true, Config{})
		goroutines := runtime.NumGoroutine()
		a := h.hub.join(nil)
		first := sections(t, <-a.messages)
		for _, name := range []string{"time", "status", "process", "memory", "division", "pressure", "reading", "rules", "incidents", "trends", "goroutine_sites", "census", "counters"} {
			if _, ok := first[name]; !ok {
				t.Errorf("the first message has no %s", name)
			}
		}
		g.read(120 * mib)
		second := sections(t, <-a.messages)
		if _, ok := second["rules"]; ok || second["memory"] == nil || second["points"] == nil {
			t.Errorf("what is new is %v, want memory and points, no rules", second)
		}
		// One who comes later gets all of it, the others only what is new.
		b := h.hub.join(nil)
		g.read(121 * mib)
		if m := sections(t, <-b.messages); m["rules"] == nil {
			t.Errorf("the later one's first message has only %v", m)
		}
		if m := sections(t, <-a.messages); m["rules"] != nil {
			t.Error("the earlier one gets all of it again")
		}
		// When nothing is new nothing is sent, but for a sign of life.
		for news := 0; ; news++ {
			start := time.Now()
			quiet := sections(t, <-a.messages)
			<-b.messages
			if since := time.Since(start); since >= keepAlive {
				if since > keepAlive+2*time.Second || len(quiet) != 1 || quiet["time"] == nil {
					t.Errorf("after %v of quiet %d sections are sent: %v", since, len(quiet), quiet)
				}
				break
			}
			if news == 3 { // the rate over ten seconds becomes another
				t.Fatalf("nothing happens, and %v is sent", quiet)
			}
		}
		h.hub.leave(a)
		h.hub.leave(b)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if n := runtime.NumGoroutine(); n > goroutines {
			t.Errorf("nobody looks, and there are %d goroutines instead of %d", n, goroutines)
		}
		if h.hub.running {
			t.Error("nobody looks, and the hub runs")
		}
		// And again.
		c := h.hub.join(nil)
		if m := sections(t, <-c.messages); m["rules"] == nil {
			t.Error("after a break the first message is not all of it")
		}
		h.hub.leave(c)
		time.Sleep(3 * time.Second)
	})
}

// Who does not take what is sent is dropped, and nobody waits for it.
func TestSlowViewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := steadyGuard()
		h := newHandler(g, true, Config{})
		slow, quick := h.hub.join(nil), h.hub.join(nil)
		for i := range 3 * backlog {
			g.read(int64(130+i) * mib)
			select {
			case _, ok := <-quick.messages:
				if !ok {
					t.Fatal("the quick one was dropped")
				}
			case <-time.After(2 * time.Second):
				t.Fatal("the quick one has to wait for the slow one")
			}
		}
		n := 0
		for range slow.messages {
			n++
		}
		if n != backlog || len(h.hub.viewers) != 1 {
			t.Errorf("the slow one has %d messages, %d viewers are there; want %d and 1", n, len(h.hub.viewers), backlog)
		}
		h.hub.leave(slow) // as its handler does
		h.hub.leave(quick)
		time.Sleep(2 * time.Second)
	})
}

// A server that is shut down does not wait for open pages.
func TestShutdown(t *testing.T) {
	server := httptest.NewServer(newHandler(steadyGuard(), true, Config{UpdateEvery: 100 * time.Millisecond}))
	defer server.Close()
	res, err := http.Get(server.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got := res.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("Content-Type %q", got)
	}
	lines := bufio.NewReader(res.Body)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "data: ") {
			break
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := server.Config.Shutdown(ctx); err != nil {
		t.Errorf("with a page open: %v", err)
	}
}

// brokenGuard panics as long as it is broken.
type brokenGuard struct {
	*fakeGuard
	broken atomic.Bool
}

func (g *brokenGuard) Snapshot() guard.Snapshot {
	if g.broken.Load() {
		panic("out of order")
	}
	return g.fakeGuard.Snapshot()
}

// A panic of what makes the messages does not end the program. The streams end, and
// those who come back are served.
func TestHubRecoversAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &brokenGuard{fakeGuard: steadyGuard()}
		h := newHandler(g, true, Config{})
		v := h.hub.join(nil)
		<-v.messages
		g.broken.Store(true)
		for range v.messages { // until the stream ends
		}
		synctest.Wait()
		if h.hub.running || len(h.hub.viewers) != 0 {
			t.Errorf("running %v with %d viewers", h.hub.running, len(h.hub.viewers))
		}
		h.hub.leave(v) // as its handler does
		g.broken.Store(false)
		v = h.hub.join(nil)
		if m := sections(t, <-v.messages); m["status"] == nil {
			t.Errorf("after the panic the first message is %v", m)
		}
		h.hub.leave(v)
		time.Sleep(3 * time.Second)
	})
}

// A handler outlives servers without keeping them, however they end.
func TestHubForgetsServers(t *testing.T) {
	h := newHandler(steadyGuard(), true, Config{UpdateEvery: 100 * time.Millisecond})
	for i := range 8 {
		server := httptest.NewServer(h)
		res, err := http.Get(server.URL + "/events")
		if err != nil {
			t.Fatal(err)
		}
		bufio.NewReader(res.Body).ReadString('\n')
		res.Body.Close()
		if i%2 == 0 {
			server.Config.Shutdown(t.Context())
		}
		server.Close()
		http.DefaultClient.CloseIdleConnections()
	}
	known := func() int {
		h.hub.mu.Lock()
		defer h.hub.mu.Unlock()
		return len(h.hub.servers)
	}
	for deadline := time.Now().Add(30 * time.Second); known() > 1 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		runtime.GC()
	}
	if n := known(); n > 1 { // the last one's connection may still be closing
		t.Errorf("%d servers of 8 that are gone are kept", n)
	}
}
