package guardhttp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/chromium"
	"github.com/leakguard/leakguard/internal/testenv"
)

// axe returns axe-core, which looks for what keeps people from using a page: the
// path of its axe.min.js is in the environment.
func axe(t *testing.T) string {
	t.Helper()
	path := os.Getenv("GUARDHTTP_AXE")
	testenv.Need(t, path != "", "needs axe-core: GUARDHTTP_AXE=node_modules/axe-core/axe.min.js after npm install axe-core")
	return mustRead(t, path)
}

// browse opens a browser; what the test serves is closed before it.
func browse(t *testing.T, h http.Handler) (b *chromium.Browser, url string) {
	t.Helper()
	b = chromium.Start(t)
	server := httptest.NewServer(h)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return b, server.URL
}

// until waits until a script returns true.
func until(t *testing.T, b *chromium.Browser, what, script string) {
	t.Helper()
	var ok bool
	b.Evaluate(`(async () => { for (let i = 0; i < 1200; i++) { if (`+script+`) return true; await new Promise((done) => setTimeout(done, 25)); } return false; })()`, &ok)
	if !ok {
		var text string
		b.Evaluate("document.body.innerText", &text)
		t.Fatalf("waited 30 s in vain until %s; the page complains %q and says:\n%.3000s", what, b.Complaints(""), text)
	}
}

func click(b *chromium.Browser, selector string) {
	var done bool
	b.Evaluate(`(() => { const e = document.querySelector(`+fmt.Sprintf("%q", selector)+`); e.scrollIntoView({block: "center"}); e.click(); return true; })()`, &done)
}

const drawn = `Array.from(document.querySelectorAll("#chart canvas")).some((c) => c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some((v) => v !== 0))`

// TestPage opens the page of a guard in trouble in each size and colour, uses all
// of it, and has axe-core look at it.
func TestPage(t *testing.T) {
	g := richGuard(t)
	mux := http.NewServeMux()
	h := newHandler(g, true, Config{UpdateEvery: 100 * time.Millisecond})
	mux.Handle("/", h)
	mux.Handle("/debug/leakguard/", http.StripPrefix("/debug/leakguard", h))
	mux.Handle("/internal/guard/", h) // without
	b, url := browse(t, mux)
	type look struct {
		prefix string
		width  int
		dark   bool
	}
	looks := []look{{"/", 1280, false}, {"/debug/leakguard/", 390, true}, {"/internal/guard/", 390, false}, {"/", 1280, true}}
	for _, c := range testenv.Scaled(looks, looks[:2]) {
		t.Run(fmt.Sprintf("%s %d dark=%v", c.prefix, c.width, c.dark), func(t *testing.T) {
			b.Open(url+c.prefix, c.width, 900, c.dark)
			until(t, b, "it is live", `document.getElementById("live").textContent === "live"`)
			until(t, b, "the chart is drawn", drawn)
			until(t, b, "all of the history is there", `document.getElementById("chart-words").textContent.includes("in 10 min")`)
			until(t, b, "both incidents are listed", `document.querySelectorAll("details.incident").length === 2`)
			screenshot(t, b, screenshotName(c.width, c.dark), "", c.width, 1180)
			click(b, "details.incident:nth-of-type(1) summary")
			until(t, b, "the incident is shown", `document.querySelector(".flame-open")`)
			click(b, ".flame-open")
			until(t, b, "the flame graph is drawn", `document.querySelectorAll("#flame-graph g.frame").length > 3`)
			var p struct {
				Dark             bool
				Overflow, Tables int
				Sentence, Flame  string
				Commands         []string
				Links            []string
			}
			b.Evaluate(`({
				Dark: matchMedia("(prefers-color-scheme: dark)").matches,
				Overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
				Tables: document.querySelectorAll("tbody tr").length,
				Sentence: document.querySelector("h1").textContent,
				Flame: document.getElementById("flame-words").textContent,
				Commands: Array.from(document.querySelectorAll("dl.commands code")).map((c) => c.textContent),
				Links: Array.from(document.querySelectorAll(".links a")).map((a) => a.href),
			})`, &p)
			if p.Dark != c.dark || p.Overflow > 0 {
				t.Errorf("dark %v, %d pixels too wide", p.Dark, p.Overflow)
			}
			if !strings.Contains(p.Sentence, "cache.(*Store).Put") {
				t.Errorf("the sentence does not name the culprit: %s", p.Sentence)
			}
			if !strings.Contains(p.Flame, "more than the baseline") {
				t.Errorf("the flame graph is of %q", p.Flame)
			}
			if want := "go tool pprof -http=: -base " + url + c.prefix + "incident/"; len(p.Commands) < 4 || !strings.HasPrefix(p.Commands[0], want) {
				t.Errorf("the commands are %q, want the first to begin with %s", p.Commands, want)
			}
			for _, link := range p.Links {
				res, err := http.Get(link)
				if err != nil || res.StatusCode != 200 {
					t.Errorf("%s: %v %v", link, res, err)
				}
				if err == nil {
					res.Body.Close()
				}
			}
			t.Run("accessible", func(t *testing.T) { accessible(t, b, axe(t)) })
			if c := b.Complaints(url + c.prefix); len(c) > 0 {
				t.Errorf("%q", c)
			}
			if c.width > 500 && !c.dark {
				screenshot(t, b, "page-incident.png", "details.incident", c.width, 1040)
			}
		})
	}
}

// Before the first answer the page says that it is loading, neither that it is live
// nor that there are no incidents.
func TestPageBeforeTheFirstAnswer(t *testing.T) {
	h := newHandler(richGuard(t), true, Config{UpdateEvery: 100 * time.Millisecond})
	answer := make(chan struct{})
	var opened atomic.Bool
	b, url := browse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/events":
			select {
			case <-answer:
			default:
				w.Header().Set("Content-Type", "text/event-stream")
				w.Write([]byte("retry: 2000\n\n"))
				http.NewResponseController(w).Flush()
				opened.Store(true)
				select {
				case <-answer: // the browser comes back
				case <-r.Context().Done():
				}
				return
			}
		case "/api/v1/state":
			select {
			case <-answer:
			case <-r.Context().Done():
			}
		}
		h.ServeHTTP(w, r)
	}))
	b.Open(url+"/", 1280, 900, false)
	for deadline := time.Now().Add(30 * time.Second); !opened.Load() && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	const words = `[document.getElementById("live").textContent, document.getElementById("incidents-none").textContent, document.querySelector("h1").textContent].join(", ")`
	until(t, b, "the script runs", `document.querySelectorAll("#now-commands code").length > 0`)
	time.Sleep(200 * time.Millisecond) // for the stream's opening to reach the page
	var says string
	if b.Evaluate(words, &says); says != "loading, Loading., Loading." {
		t.Errorf("before the first answer the page says %q", says)
	}
	close(answer)
	until(t, b, "it is live", `document.getElementById("live").textContent === "live"`)
	until(t, b, "the incidents are listed", `document.querySelectorAll("details.incident").length === 2`)
}

// screenshot makes a picture of the documentation anew:
//
//	GUARDHTTP_SCREENSHOTS=../../docs go test ./guard/guardhttp -run TestPage
func screenshot(t *testing.T, b *chromium.Browser, name, selector string, width, most int) {
	t.Helper()
	dir := os.Getenv("GUARDHTTP_SCREENSHOTS")
	if dir == "" {
		return
	}
	b.Evaluate(`(document.activeElement.blur(), true)`, new(bool))
	b.Screenshot(filepath.Join(dir, name), selector, width, most)
}

func screenshotName(width int, dark bool) string {
	name := "page-desktop"
	if width < 500 {
		name = "page-phone"
	}
	if dark {
		name += "-dark"
	}
	return name + ".png"
}

// accessible fails for what axe-core finds serious.
func accessible(t *testing.T, b *chromium.Browser, script string) {
	t.Helper()
	var ok bool
	b.Evaluate("(() => { "+script+"\nreturn true; })()", &ok)
	var found []struct {
		ID, Impact, Help string
		Nodes            []string
	}
	b.Evaluate(`axe.run(document, { resultTypes: ["violations"] }).then((r) => r.violations.map((v) => ({ ID: v.id, Impact: v.impact, Help: v.help, Nodes: v.nodes.slice(0, 5).map((n) => n.html.slice(0, 200) + " " + n.failureSummary) })))`, &found)
	for _, v := range found {
		data, _ := json.MarshalIndent(v.Nodes, "", " ")
		if v.Impact == "serious" || v.Impact == "critical" {
			t.Errorf("%s: %s (%s)\n%s", v.Impact, v.Help, v.ID, data)
		} else {
			t.Logf("%s: %s (%s)\n%s", v.Impact, v.Help, v.ID, data)
		}
	}
}
