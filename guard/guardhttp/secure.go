package guardhttp

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ownPolicy is for the handler's own pages. They have nothing inline and load everything
// from their own origin.
const ownPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// reportPolicy is for saved reports. A report contains its scripts, and a policy of its
// own that allows them by hash and applies as well. Anyone may have written the file, so
// it is shown in a sandbox with an opaque origin, where it can read nothing of the page.
const reportPolicy = "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// secure sets the security headers of every answer.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", ownPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// captureHeader must be set in a request that changes something. A form cannot set it,
// and a script of another origin would need a preflight request, which is never granted.
const captureHeader = "Leakguard"

// checkPost returns an error if a request that changes something must be refused.
// Browsers send the origin of the request. Clients that do not send it are not browsers,
// so no page of another origin can use them.
func checkPost(r *http.Request) error {
	if r.Header.Get(captureHeader) == "" {
		return fmt.Errorf("the header %s is missing: send '%[1]s: 1'", captureHeader)
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		if site != "same-origin" {
			return fmt.Errorf("the request comes from a page of another origin (Sec-Fetch-Site: %.20q)", site)
		}
		return nil
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	// A proxy may use another host name than the browser. A script of another origin
	// cannot send the proxy's header without a preflight request either.
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Host != r.Host && u.Host != r.Header.Get("X-Forwarded-Host") {
		return fmt.Errorf("the request comes from a page of another origin (Origin: %.100q)", origin)
	}
	return nil
}

// ownPage refuses a costly request from a page of another origin. Such a page could not
// read the answer, but it could cause the cost.
func ownPage(w http.ResponseWriter, r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		http.Error(w, "guardhttp: the request comes from a page of another origin", http.StatusForbidden)
		return false
	}
	return true
}

// later answers that a request cannot be served now, and when to try again.
func later(w http.ResponseWriter, status int, after time.Duration, why string) {
	seconds := max(int(math.Ceil(after.Seconds())), 1)
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	http.Error(w, fmt.Sprintf("guardhttp: %s; try again in %d s", why, seconds), status)
}
