// Package chromium drives a real browser in tests. It speaks Chromium's DevTools
// protocol over a pipe and needs no client library.
package chromium

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/testenv"
)

// Browser is Chromium with one page. It must be used by one goroutine at a time.
// Its methods fail the test on any error.
type Browser struct {
	t       *testing.T
	in      *os.File
	file    *os.File // what out reads from
	out     *bufio.Reader
	session string
	last    int
	// Events are the events since the last Open, oldest first.
	Events []Message
}

// Message is a message of the protocol in either direction: JSON terminated by a
// zero byte.
type Message struct {
	ID        int             `json:"id,omitempty"`
	SessionID string          `json:"sessionId,omitempty"`
	Method    string          `json:"method,omitempty"`
	Params    any             `json:"params,omitempty"`
	Result    json.RawMessage `json:"result,omitempty"`
	Error     *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// patience is how long a command may take before the browser counts as hung.
const patience = 2 * time.Minute

// Start starts Chromium with one empty page. It skips the test if there is no
// Chromium.
func Start(t *testing.T) *Browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	testenv.Need(t, path != "", "needs Chromium")
	if runtime.GOOS == "windows" {
		t.Skip("child processes on this system inherit no pipes")
	}
	// Not t.TempDir: Chromium's helper processes may still be writing when it is
	// removed.
	home, err := os.MkdirTemp("", "leakguard-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	toRead, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, toWrite, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--hide-scrollbars", "--user-data-dir="+home, "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{toRead, toWrite} // become descriptors 3 and 4, which Chromium expects
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	toRead.Close()
	toWrite.Close()
	t.Cleanup(func() {
		in.Close() // makes Chromium exit
		cmd.Process.Kill()
		cmd.Wait()
		out.Close()
		os.RemoveAll(home)
	})
	b := &Browser{t: t, in: in, file: out, out: bufio.NewReader(out)}
	var target struct{ TargetID string }
	b.Call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.Call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Network", "Log"} {
		b.Call(domain+".enable", nil, nil)
	}
	b.Call("Emulation.setFocusEmulationEnabled", map[string]any{"enabled": true}, nil)
	return b
}

// Call sends a command and waits for its result. It collects the events that arrive
// meanwhile.
func (b *Browser) Call(method string, params map[string]any, result any) {
	b.t.Helper()
	b.last++
	if err := b.file.SetReadDeadline(time.Now().Add(patience)); err != nil {
		b.t.Fatal(err)
	}
	data, err := json.Marshal(Message{ID: b.last, SessionID: b.session, Method: method, Params: params})
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.in.Write(append(data, 0)); err != nil {
		b.t.Fatalf("chromium: %s: %v", method, err)
	}
	for {
		m := b.next()
		if m.ID != b.last {
			continue
		}
		if m.Error != nil {
			b.t.Fatalf("chromium: %s: %s", method, m.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				b.t.Fatalf("chromium: %s: %v", method, err)
			}
		}
		return
	}
}

func (b *Browser) next() Message {
	b.t.Helper()
	line, err := b.out.ReadBytes(0)
	if err != nil {
		b.t.Fatalf("chromium has exited or hangs: %v", err)
	}
	var m Message
	if err := json.Unmarshal(line[:len(line)-1], &m); err != nil {
		b.t.Fatalf("chromium said %.200q: %v", line, err)
	}
	if m.Method != "" {
		b.Events = append(b.Events, m)
	}
	return m
}

// Open loads a page in a window of the given size.
func (b *Browser) Open(url string, width, height int, dark bool) {
	b.t.Helper()
	scheme := map[bool]string{true: "dark", false: "light"}[dark]
	b.Call("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	b.Call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
	b.Events = nil
	b.Call("Page.navigate", map[string]any{"url": url}, nil)
	for i := 0; ; i++ {
		if i == len(b.Events) {
			b.next()
			i--
			continue
		}
		if b.Events[i].Method == "Page.loadEventFired" {
			return
		}
	}
}

// Evaluate runs a script in the page and decodes its result.
func (b *Browser) Evaluate(script string, result any) {
	b.t.Helper()
	var got struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.Call("Runtime.evaluate", map[string]any{"expression": script, "awaitPromise": true, "returnByValue": true}, &got)
	if got.ExceptionDetails != nil {
		b.t.Fatalf("the script failed: %s", got.ExceptionDetails)
	}
	if err := json.Unmarshal(got.Result.Value, result); err != nil {
		b.t.Fatalf("the script returned %.200s: %v", got.Result.Value, err)
	}
}

// Screenshot saves part of the page as a PNG: at most that many pixels, from the
// upper edge of the first element that matches the selector, or of the page if it
// is "".
func (b *Browser) Screenshot(file, selector string, width, most int) {
	b.t.Helper()
	var at struct{ Top, Height int }
	b.Evaluate(fmt.Sprintf(`(() => {
		const e = document.querySelector(%q || "html");
		const box = e.getBoundingClientRect();
		return { Top: Math.round(box.top + scrollY), Height: Math.round(box.height) };
	})()`, selector), &at)
	var shot struct{ Data string }
	b.Call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true,
		"clip": map[string]any{"x": 0, "y": at.Top, "width": width, "height": min(at.Height, most), "scale": 1}}, &shot)
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(file, png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// Complaints returns console messages, exceptions, policy violations, and requests
// for URLs that do not start with allowed. Requests for data: URLs are always
// allowed.
func (b *Browser) Complaints(allowed string) (all []string) {
	for _, e := range b.Events {
		params := fmt.Sprint(e.Params)
		switch e.Method {
		case "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded":
			all = append(all, e.Method+" "+params)
		case "Network.requestWillBeSent":
			request, _ := e.Params.(map[string]any)["request"].(map[string]any)
			if url := fmt.Sprint(request["url"]); !strings.HasPrefix(url, allowed) && !strings.HasPrefix(url, "data:") {
				all = append(all, "request of "+url)
			}
		}
	}
	return all
}
