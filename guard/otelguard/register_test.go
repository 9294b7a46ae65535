package otelguard

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	otlp "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/guard/internal/metric"
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

// stub is a collector that keeps what it receives.
func stub(t *testing.T, sent chan<- *collector.ExportMetricsServiceRequest) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(body)
			if err != nil {
				t.Error(err)
				return
			}
			body = z
		}
		data, err := io.ReadAll(body)
		req := new(collector.ExportMetricsServiceRequest)
		if err == nil {
			err = proto.Unmarshal(data, req)
		}
		if err != nil || r.URL.Path != "/v1/metrics" {
			t.Errorf("%s: %v", r.URL.Path, err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		sent <- req
		answer, err := proto.Marshal(new(collector.ExportMetricsServiceResponse))
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
		w.Write(answer)
	}))
	t.Cleanup(s.Close)
	return s
}

// TestExport sends the state over OTLP to a collector, with the real SDK.
func TestExport(t *testing.T) {
	ctx := t.Context()
	g := started(t)
	if _, err := g.Capture(ctx, "test"); err != nil {
		t.Fatal(err)
	}
	sent := make(chan *collector.ExportMetricsServiceRequest, 8)
	exporter, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(stub(t, sent).URL+"/v1/metrics"), otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
	if err != nil {
		t.Fatal(err)
	}
	provider := sdk.NewMeterProvider(sdk.WithReader(sdk.NewPeriodicReader(exporter)))
	registration, err := Register(provider, g)
	if err != nil {
		t.Fatal(err)
	}
	if err := provider.ForceFlush(ctx); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]*otlp.Metric)
	for _, of := range (<-sent).ResourceMetrics {
		for _, in := range of.ScopeMetrics {
			if in.Scope.Name != scope {
				t.Errorf("scope %q", in.Scope.Name)
			}
			for _, m := range in.Metrics {
				got[m.Name] = m
			}
		}
	}
	for _, m := range metric.List() {
		if of := got[m.OpenTelemetry()]; of != nil && of.Unit != m.Unit {
			t.Errorf("%s in %q, want %q", of.Name, of.Unit, m.Unit)
		}
	}
	if m := got["go.goroutine.count"].GetSum(); m == nil || m.IsMonotonic || m.DataPoints[0].GetAsInt() < 3 {
		t.Errorf("go.goroutine.count: %v", got["go.goroutine.count"])
	}
	if m := got["leakguard.limit"].GetSum(); m == nil || m.DataPoints[0].GetAsInt() != 1<<40 || m.DataPoints[0].Attributes[0].String() == "" ||
		m.DataPoints[0].Attributes[0].Key != "leakguard.source" || m.DataPoints[0].Attributes[0].Value.GetStringValue() != "config" {
		t.Errorf("leakguard.limit: %v", got["leakguard.limit"])
	}
	incidents := got["leakguard.incidents"].GetSum()
	if incidents == nil || !incidents.IsMonotonic {
		t.Fatalf("leakguard.incidents: %v", got["leakguard.incidents"])
	}
	var manual int64
	for _, p := range incidents.DataPoints {
		if p.Attributes[0].Value.GetStringValue() == "manual" {
			manual = p.GetAsInt()
		}
	}
	if manual != 1 {
		t.Errorf("%d manual incidents, want 1: %v", manual, incidents)
	}

	if err := registration.Unregister(); err != nil {
		t.Fatal(err)
	}
	if err := provider.Shutdown(context.WithoutCancel(ctx)); err != nil {
		t.Fatal(err)
	}
	close(sent)
	for req := range sent {
		for _, of := range req.ResourceMetrics {
			for _, in := range of.ScopeMetrics {
				t.Errorf("after it was unregistered: %v", in)
			}
		}
	}
}

func TestNil(t *testing.T) {
	if _, err := Register(nil, nil); err == nil || !strings.Contains(err.Error(), "GetMeterProvider") {
		t.Errorf("without a provider: %v", err)
	}
	reader := sdk.NewManualReader()
	if _, err := Register(sdk.NewMeterProvider(sdk.WithReader(reader)), nil); err != nil {
		t.Fatal(err)
	}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil || len(all.ScopeMetrics) != 0 {
		t.Errorf("of no guard: %v, %v", err, all.ScopeMetrics)
	}
}

// TestDoc compares the list in the documentation with the instruments.
func TestDoc(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range metric.List() {
		line := regexp.MustCompile(`(?m)^//\t` + regexp.QuoteMeta(m.OpenTelemetry()) + `( .*|)$`).FindString(string(text))
		if line == "" {
			t.Errorf("doc.go does not list %s", m.OpenTelemetry())
			continue
		}
		for _, label := range m.Labels {
			if !strings.Contains(line, m.Dotted(label)) {
				t.Errorf("doc.go does not say %s of %s", m.Dotted(label), m.OpenTelemetry())
			}
		}
		if named := regexp.MustCompile(` (By|By/s|s)  `).FindString(line); strings.TrimSpace(named) != m.Unit && (named != "" || m.Unit == metric.Bytes || m.Unit == metric.Seconds) {
			t.Errorf("doc.go says unit %q of %s, it is %q", named, m.OpenTelemetry(), m.Unit)
		}
	}
}

func BenchmarkCollect(b *testing.B) {
	reader := sdk.NewManualReader()
	if _, err := Register(sdk.NewMeterProvider(sdk.WithReader(reader)), started(b)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var all metricdata.ResourceMetrics
		if err := reader.Collect(b.Context(), &all); err != nil {
			b.Fatal(err)
		}
	}
}
