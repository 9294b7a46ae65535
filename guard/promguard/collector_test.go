package promguard

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/guard/internal/metric"
	"github.com/leakguard/leakguard/internal/testenv"
)

func started(t testing.TB) *guard.Guard {
	t.Helper()
	g, err := guard.Start(guard.Config{Dir: t.TempDir() + "/evidence", Limit: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// TestScrape collects over HTTP, as Prometheus does, and parses the result.
func TestScrape(t *testing.T) {
	g := started(t)
	if _, err := g.Capture(context.Background(), "test"); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewPedanticRegistry() // checks consistency
	registry.MustRegister(NewCollector(g))
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}))
	defer server.Close()
	res, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%v, status %d: %s", err, res.StatusCode, body)
	}
	for _, want := range []string{
		"# TYPE leakguard_live_heap_bytes gauge",
		"# TYPE leakguard_incidents_total counter",
		`\nleakguard_incidents_total{rule="manual"} 1\n`,
		`\nleakguard_captures_total{kind="goroutine",outcome="written"} [1-9]`,
		`\nleakguard_captures_total{kind="cpu",outcome="failed"} 0\n`,
		`\nleakguard_limit_bytes{source="config"} 1.099511627776e\+12\n`,
		`\nleakguard_goroutines [1-9]`,
		`\nleakguard_dropped_total{what="event",why="queue_full"} 0\n`,
		`\nleakguard_memory_part_bytes{part="go_live_heap"} [1-9]`,
		`\nleakguard_time_to_limit_seconds (\+Inf|[0-9])`,
	} {
		if !regexp.MustCompile(want).Match(body) {
			t.Errorf("%s is not in the scrape:\n%s", want, body)
		}
	}
}

// TestLint checks the names and units against Prometheus's own rules.
func TestLint(t *testing.T) {
	problems, err := testutil.CollectAndLint(NewCollector(started(t)))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if n := testutil.CollectAndCount(NewCollector(started(t))); n < len(metric.List())-5 {
		t.Errorf("%d values collected of %d metrics", n, len(metric.List()))
	}
}

func TestNilGuard(t *testing.T) {
	if n := testutil.CollectAndCount(NewCollector(nil)); n != 0 {
		t.Errorf("%d values of no guard", n)
	}
}

// used returns the names of our metrics that a text contains.
func used(text string) []string {
	return regexp.MustCompile(`leakguard_[a-z_]+`).FindAllString(text, -1)
}

func known(name string) bool {
	for _, m := range metric.List() {
		if m.Prometheus() == name {
			return true
		}
	}
	return false
}

// TestAlerts checks the alert rules with Prometheus's own tool, which also runs them
// on made-up series, and compares their metrics with ours.
func TestAlerts(t *testing.T) {
	text, err := os.ReadFile("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	names := used(string(text))
	if len(names) == 0 {
		t.Error("the alerts use none of our metrics")
	}
	for _, name := range names {
		if !known(name) {
			t.Errorf("alerts.yml uses %s, which there is not", name)
		}
	}
	promtool, err := exec.LookPath("promtool")
	testenv.Need(t, err == nil, "promtool, of Debian's package prometheus")
	for _, args := range [][]string{{"check", "rules", "alerts.yml"}, {"test", "rules", "testdata/alerts_test.yml"}} {
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// TestDashboard checks that the Grafana dashboard has what Grafana requires, and that
// every metric in it exists.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	type panel struct {
		ID      int
		Type    string
		Title   string
		GridPos struct{ H, W, X, Y int }
		Targets []struct{ Expr, RefID string }
	}
	var d struct {
		Title, UID    string
		SchemaVersion int
		Panels        []panel
		Templating    struct {
			List []struct{ Name, Type, Query string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if d.Title == "" || d.UID == "" || d.SchemaVersion < 36 || len(d.Panels) == 0 || len(d.Templating.List) == 0 {
		t.Errorf("title %q, uid %q, schema %d, %d panels, %d variables", d.Title, d.UID, d.SchemaVersion, len(d.Panels), len(d.Templating.List))
	}
	ids := make(map[int]bool)
	taken := make(map[[2]int]string)
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %d %q: its number is taken, it has no title, or draws nothing", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("panel %q lies over %q, or beyond the grid", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, target := range p.Targets {
			names := used(target.Expr)
			if len(names) == 0 || target.RefID == "" {
				t.Errorf("panel %q: %q draws none of our metrics, or has no refId", p.Title, target.Expr)
			}
			for _, name := range names {
				if !known(name) {
					t.Errorf("panel %q draws %s, which there is not", p.Title, name)
				}
			}
		}
	}
}

// TestDoc compares the list in the documentation with the metrics.
func TestDoc(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range metric.List() {
		name := strings.TrimPrefix(m.Prometheus(), "leakguard_")
		if len(m.Labels) > 0 {
			name += "{" + strings.Join(m.Labels, ",") + "}"
		}
		if !regexp.MustCompile(`(?m)^//\t` + regexp.QuoteMeta(name) + `( |$)`).Match(text) {
			t.Errorf("doc.go does not list %s", name)
		}
	}
}

func BenchmarkCollect(b *testing.B) {
	c := NewCollector(started(b))
	b.ReportAllocs()
	for b.Loop() {
		ch := make(chan prometheus.Metric, 256)
		c.Collect(ch)
	}
}
