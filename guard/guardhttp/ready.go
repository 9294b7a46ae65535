package guardhttp

import (
	"fmt"
	"math"
	"net/http"
	"strconv"

	"github.com/leakguard/leakguard/guard"
)

// Ready answers readiness probes: 200 and "ready" as a rule; under pressure
// ([guard.Guard.UnderPressure]) 503 and a line that says why, such as
//
//	not ready: 141.2 MiB live, 55% of 256.0 MiB, full in 470ms at 244.1 MiB/s
//
// so that a balancer sends the process nothing more while it finishes what it
// has. Retry-After is how long things must be better until it is ready again.
// For a service that checks more than this, ask UnderPressure in a handler of
// your own.
//
// It is cheap, and safe for concurrent use. With a nil Guard, as with
// [guard.Config.Off], it is always ready.
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
