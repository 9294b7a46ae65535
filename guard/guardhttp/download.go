package guardhttp

import (
	"net/http"
	"strings"
	"time"

	"github.com/leakguard/leakguard/profile/incident"
)

// slowestDownload is how slowly a file may be read before it is given up, in
// bytes per second.
const slowestDownload = 32 << 10

// download serves a file of an incident.
func (h *handler) download(w http.ResponseWriter, r *http.Request, id, name string) {
	if name == "delivery.json" { // what sinks have answered is nobody's business here
		http.Error(w, "guardhttp: there is no such file", http.StatusNotFound)
		return
	}
	store := h.g.Store()
	if store == nil {
		http.Error(w, "guardhttp: the guard has no folder, so no incident is kept", http.StatusNotFound)
		return
	}
	release, ok := h.downloads.take()
	if !ok {
		later(w, http.StatusServiceUnavailable, 2*time.Second, "too many files are being downloaded")
		return
	}
	defer release()
	// The store takes only names that it may have written itself.
	f, err := store.Open(id, name)
	if err != nil {
		notThere(w, "the file", err)
		return
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		notThere(w, "the file", err)
		return
	}
	describe(w.Header(), id, name)
	setDeadlines(w, shortAnswer+time.Duration(fi.Size()/slowestDownload)*time.Second)
	http.ServeContent(w, r, "", fi.ModTime(), f)
}

// describe says what a file is. Text is shown, a report is shown as what it is, in
// a sandbox, and everything else is a download.
func describe(header http.Header, id, name string) {
	switch {
	case name == incident.ReportHTML:
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Content-Security-Policy", reportPolicy)
	case strings.HasSuffix(name, ".txt"), strings.HasSuffix(name, ".md"):
		header.Set("Content-Type", "text/plain; charset=utf-8")
	case strings.HasSuffix(name, ".json"):
		header.Set("Content-Type", "application/json")
	default:
		header.Set("Content-Type", "application/octet-stream")
		// Both are of a-z, 0-9, '.', '-' and 'T', 'Z' only.
		header.Set("Content-Disposition", `attachment; filename="`+id+"-"+name+`"`)
	}
}
