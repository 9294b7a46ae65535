package guardhttp

import (
	"net/http"
	"strings"
	"time"

	"github.com/leakguard/leakguard/profile/incident"
)

// slowestDownload is the lowest rate at which a client must read a file, in bytes per
// second.
const slowestDownload = 32 << 10

// download serves a file of an incident.
func (h *handler) download(w http.ResponseWriter, r *http.Request, id, name string) {
	if name == "delivery.json" { // internal to the guard
		http.Error(w, "guardhttp: no such file", http.StatusNotFound)
		return
	}
	store := h.g.Store()
	if store == nil {
		http.Error(w, "guardhttp: the guard runs without a disk, so no incidents are stored", http.StatusNotFound)
		return
	}
	release, ok := h.downloads.take()
	if !ok {
		later(w, http.StatusServiceUnavailable, 2*time.Second, "too many downloads are running")
		return
	}
	defer release()
	// The store accepts only names that it may have written itself.
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

// describe sets the headers for a file. Text is shown, a report is shown in a sandbox,
// and everything else is a download.
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
		// Both contain only a-z, 0-9, '.', '-', 'T' and 'Z', so no quoting is needed.
		header.Set("Content-Disposition", `attachment; filename="`+id+"-"+name+`"`)
	}
}
