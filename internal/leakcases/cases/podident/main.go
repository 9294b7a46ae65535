// https://github.com/open-telemetry/opentelemetry-collector-contrib/issues/47669:
// a metric has the pod's identifier, its address and UID, among its attributes.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"example.com/leakcases/cases/podident/assoc"
	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	sdk "go.opentelemetry.io/otel/sdk/metric"
)

type receiver struct{ processor *assoc.Processor }

func (v *receiver) export(w http.ResponseWriter, r *http.Request) {
	var resources []map[string]string
	if err := json.NewDecoder(r.Body).Decode(&resources); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for i, resource := range resources {
		resources[i] = v.processor.Process(r.Context(), resource)
	}
	json.NewEncoder(w).Encode(resources)
}

func pods(id assoc.Identifier) (string, bool) {
	return "pod-of-" + id[0].Value, strings.HasPrefix(id[0].Value, "10.")
}

func body(i int) string {
	var all []string
	for n := range 24 {
		all = append(all, fmt.Sprintf(`{"ip":"10.%d.%d.%d","uid":"5f0c2a9e-%08x-4b7e-a1d4-0f6b8c%06d"}`, i>>8&255, i&255, n, i, n))
	}
	return "[" + strings.Join(all, ",") + "]"
}

func main() {
	service.Main(service.Case{
		Limit: 144 << 20, Rate: 240, Slow: 15,
		Setup: func(mux *http.ServeMux, _ string) {
			provider := sdk.NewMeterProvider(sdk.WithReader(sdk.NewManualReader()))
			t, err := assoc.NewTelemetry(provider.Meter("k8sattributes"))
			if err != nil {
				panic(err)
			}
			mux.HandleFunc("POST /v1/export", (&receiver{assoc.NewProcessor(t, pods)}).export)
		},
		Wrap: func(next http.Handler) http.Handler {
			h := otelhttp.NewHandler(next, "collector") // traces only
			return layers.Chain(h, layers.Recover, layers.RequestID, layers.AccessLog, layers.Deadline(5*time.Second))
		},
		Client: func(base string, i int) {
			service.Do("POST", base+"/v1/export", strings.NewReader(body(i)), "Content-Type", "application/json")
		},
	})
}
