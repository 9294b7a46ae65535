package guardhttp

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard"
)

// forgotten is what leakOrders never lets go of.
var forgotten struct {
	sync.Mutex
	orders [][]byte
}

// leakOrders is the culprit.
//
//go:noinline
func leakOrders(n int) {
	forgotten.Lock()
	defer forgotten.Unlock()
	for range n {
		forgotten.orders = append(forgotten.orders, make([]byte, 1<<20))
	}
}

// startGuard starts a guard whose rule opens when 48 MiB have leaked.
func startGuard(t *testing.T) *guard.Guard {
	t.Helper()
	now := liveHeap(t)
	g, err := guard.Start(guard.Config{
		Dir: filepath.Join(t.TempDir(), "evidence"), Limit: 4 << 30, Service: "shop",
		Rules:  []guard.Rule{{Name: "live-heap", Signal: guard.LiveHeap, Line: guard.Absolute(now + 48<<20)}},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		forgotten.Lock()
		forgotten.orders = nil
		forgotten.Unlock()
	})
	return g
}

// liveHeap is the live heap of this process, as a guard without rules reads it.
func liveHeap(t *testing.T) int64 {
	t.Helper()
	g, err := guard.Start(guard.Config{Dir: filepath.Join(t.TempDir(), "first"), Rules: []guard.Rule{}, NoCensus: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	// Its baseline forces a collection.
	for range 600 {
		if s := g.Snapshot(); s.Counters.Baselines > 0 {
			return int64(g.Snapshot().Reading.HeapLive)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("no baseline after 30 s")
	return 0
}

// TestWatchALeak watches a real guard's page while the process leaks, and does
// what its reader would.
func TestWatchALeak(t *testing.T) {
	g := startGuard(t)
	mux := http.NewServeMux()
	mux.Handle("/ops/leakguard/", Handler(g, Config{UpdateEvery: 200 * time.Millisecond, CaptureEvery: time.Millisecond}))
	b, url := browse(t, mux)
	url += "/ops/leakguard/"
	b.Open(url, 1280, 900, false)
	until(t, b, "it is live", `document.getElementById("live").textContent === "live"`)
	until(t, b, "it is calm", `document.getElementById("status").dataset.level === "calm"`)
	until(t, b, "there is a baseline", `!document.getElementById("counters").textContent.includes(" 0 baselines")`)

	leakOrders(80)
	runtime.GC() // what lives is known when a cycle has ended, and an idle process has none
	until(t, b, "the leak is on the page", `document.getElementById("status").dataset.level === "incident"`)
	until(t, b, "its culprit is named", `document.getElementById("sentence").textContent.includes("leakOrders")`)
	until(t, b, "the rule is open", `document.getElementById("rules").textContent.includes("open")`)
	until(t, b, "the chart is drawn", drawn)

	click(b, "details.incident summary")
	until(t, b, "the incident is shown", `document.querySelector(".flame-open")`)
	click(b, ".flame-open")
	until(t, b, "the flame graph of the difference names it", `Array.from(document.querySelectorAll("#flame-graph g.frame")).some((f) => f.textContent.includes("leakOrders"))`)
	until(t, b, "a key walks along it", `(() => {
		const frames = Array.from(document.querySelectorAll("#flame-graph g.frame"));
		frames[0].focus();
		frames[0].dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true, cancelable: true }));
		return document.activeElement.__data__ === frames[0].__data__.children[0];
	})()`)

	click(b, "#capture")
	until(t, b, "it is captured", `document.getElementById("answer").textContent.startsWith("Captured: ")`)
	until(t, b, "the capture is among the incidents", `Array.from(document.querySelectorAll("details.incident")).some((d) => d.open && d.dataset.key.includes("-manual-"))`)
	until(t, b, "its files are there", `Array.from(document.querySelectorAll('details.incident[data-key*="-manual-"] .links a')).some((a) => a.textContent.includes("heap"))`)
	// While it leaks on and everything is open, the page goes on.
	leakOrders(16)
	var before int
	b.Evaluate(`parseInt(document.getElementById("counters").textContent.replace(/\D*([\d,]+) readings.*/, "$1").replace(/,/g, ""))`, &before)
	until(t, b, "it goes on", `parseInt(document.getElementById("counters").textContent.replace(/\D*([\d,]+) readings.*/, "$1").replace(/,/g, "")) > `+strconv.Itoa(before))
	if c := b.Complaints(url); len(c) > 0 {
		t.Errorf("%q", c)
	}

	// The report is a page of its own, with scripts and without an origin.
	var report string
	b.Evaluate(`document.querySelector(".links a.primary").href`, &report)
	if !strings.HasSuffix(report, "/report.html") {
		t.Fatalf("the report is at %s", report)
	}
	b.Open(report, 1280, 900, false)
	until(t, b, "the report is drawn", `document.querySelectorAll("#flame-graph g.frame").length > 1 && self.origin === "null"`)
	if c := b.Complaints(report); len(c) > 0 {
		t.Errorf("%q", c)
	}
}
