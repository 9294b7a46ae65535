package guardhttp

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Of our own pages nothing is inline, and everything is from here.
const ownPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// A saved report brings its scripts with it, and names them by their hashes in a
// policy of its own, which holds beside this one. It is a file on disk that
// anybody may have written, so here it is nobody: in a sandbox it has an origin of
// its own, and can read nothing of ours.
const reportPolicy = "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// secure sets what every answer has.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", ownPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// captureHeader has to be in a request that changes something. No form can send
// it, and a script of another origin has to ask first, which nobody answers.
const captureHeader = "Leakguard"

// checkPost says what is wrong with a request that changes something; nil:
// nothing. A browser says where it comes from; what is no browser does not, and is
// not what somebody else's page could make send this.
func checkPost(r *http.Request) error {
	if r.Header.Get(captureHeader) == "" {
		return fmt.Errorf("the header %s is missing: send '%[1]s: 1'", captureHeader)
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		if site != "same-origin" {
			return fmt.Errorf("a page of another origin asks for it (Sec-Fetch-Site: %.20q)", site)
		}
		return nil
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	// A proxy may have another name for us than the browser. Its header, too,
	// no other origin's script can send without asking.
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Host != r.Host && u.Host != r.Header.Get("X-Forwarded-Host") {
		return fmt.Errorf("a page of another origin asks for it (Origin: %.100q)", origin)
	}
	return nil
}

// ownPage refuses what costs something to a page of another origin: it could not
// read the answer, but it could have it made.
func ownPage(w http.ResponseWriter, r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		http.Error(w, "guardhttp: a page of another origin asks for it", http.StatusForbidden)
		return false
	}
	return true
}

// later answers that something is not possible now, and when to try again.
func later(w http.ResponseWriter, status int, after time.Duration, why string) {
	seconds := max(int(math.Ceil(after.Seconds())), 1)
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	http.Error(w, fmt.Sprintf("guardhttp: %s; try again in %d s", why, seconds), status)
}
