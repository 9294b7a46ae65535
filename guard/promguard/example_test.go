package promguard_test

import (
	"log"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/guard/promguard"
)

// Export the guard's state beside the service's other metrics.
func ExampleNewCollector() {
	g, err := guard.Start(guard.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer g.Close()
	prometheus.MustRegister(promguard.NewCollector(g))
	http.Handle("/metrics", promhttp.Handler())
}
