package guardhttp

import (
	"net/http"
	"strings"

	"github.com/leakguard/leakguard/profile/incident"
)

// route is the resource that a request addresses.
type route int

const (
	routeNone route = iota
	routePage
	routeAsset
	routeEvents
	routeState
	routeHistory
	routeIncidents
	routeIncident
	routeFlame
	routeFile
	routeCapture
	routeProfile
)

// parseRoute finds the route by the end of the path. So the handler may be mounted under
// any prefix, with or without http.StripPrefix, and behind a proxy that removes or adds
// one. Names of incidents are checked here, and names of files by the store.
func parseRoute(path string) (r route, args []string) {
	if path == "" || strings.HasSuffix(path, "/") {
		return routePage, nil
	}
	parts := strings.Split(path, "/")
	tail := func(n int) []string { return parts[max(len(parts)-n, 0):] }
	is := func(pattern ...string) bool {
		t := tail(len(pattern))
		if len(t) < len(pattern) {
			return false
		}
		args = nil
		for i, p := range pattern {
			if p == "*" {
				args = append(args, t[i])
			} else if p != t[i] {
				return false
			}
		}
		return true
	}
	switch {
	case is("api", "v1", "state"):
		return routeState, nil
	case is("api", "v1", "history"):
		return routeHistory, nil
	case is("api", "v1", "incidents"):
		return routeIncidents, nil
	case is("api", "v1", "incident", "*", "flame") && incident.IsID(args[0]):
		return routeFlame, args
	case is("api", "v1", "incident", "*") && incident.IsID(args[0]):
		return routeIncident, args
	case is("incident", "*", "*") && incident.IsID(args[0]):
		return routeFile, args
	case is("assets", "*"):
		return routeAsset, args
	case is("events"):
		return routeEvents, nil
	case is("capture"):
		return routeCapture, nil
	case is("heap"), is("goroutine"):
		return routeProfile, tail(1)
	default:
		return routeNone, nil
	}
}

// allowMethod reports whether the route allows the request's method. If not, it answers
// with an error.
func allowMethod(w http.ResponseWriter, r *http.Request, route route) bool {
	allowed := "GET, HEAD"
	ok := r.Method == http.MethodGet || r.Method == http.MethodHead
	if route == routeCapture {
		allowed = "POST"
		ok = r.Method == http.MethodPost
	}
	if !ok {
		w.Header().Set("Allow", allowed)
		http.Error(w, "guardhttp: method not allowed; use "+allowed, http.StatusMethodNotAllowed)
	}
	return ok
}
