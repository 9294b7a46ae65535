package guardhttp

import (
	"fmt"
	"math"
	"net/http"
	"strconv"

	"github.com/leakguard/leakguard/guard"
)

// Ready returns a handler for readiness probes. It answers 200 and "ready", or under
// memory pressure ([guard.Guard.UnderPressure]) 503 and the reason, such as
//
//	not ready: 141.2 MiB live, 55% of 256.0 MiB, full in 470ms at 244.1 MiB/s
//
// so that a load balancer sends no more requests while the process finishes its work.
// Retry-After is the time that conditions must be better before the process is ready
// again. A service whose readiness depends on more can call UnderPressure in its own
// handler.
//
// The handler is cheap and safe for concurrent use. If g is nil, as with
// [guard.Config.Off], it always answers 200.
func Ready(g *guard.Guard) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		p, under := g.Pressure()
		if !under {
			fmt.Fprintln(w, "ready")
			return
		}
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.Hold.Seconds()))))
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "not ready:", p.Reason)
	})
}
