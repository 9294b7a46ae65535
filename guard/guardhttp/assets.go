package guardhttp

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/leakguard/leakguard/internal/webassets"
)

var (
	//go:embed page/page.html
	pageHTML string
	//go:embed page/page.js
	pageJS string
	//go:embed page/page.css
	pageCSS string
)

// asset is a file that the page loads.
type asset struct {
	contentType string
	content     string
	gzipped     bool // whether content is compressed
}

func assetOf(name string) (a asset, ok bool) {
	const js, css = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
	switch name {
	case "page.js":
		return asset{js, pageJS, false}, true
	case "draw.js":
		return asset{js, webassets.DrawJS, false}, true
	case "uplot.js":
		return asset{js, webassets.UplotGzip(), true}, true
	case "flame.js":
		return asset{js, webassets.FlameGzip(), true}, true
	case "page.css":
		return asset{css, webassets.UplotCSS + webassets.FlameCSS + webassets.BaseCSS + pageCSS, false}, true
	case "NOTICE.txt":
		return asset{"text/plain; charset=utf-8", webassets.Notice, false}, true
	}
	return asset{}, false
}

// page serves the page. It is the same for every guard; its script gets the data from
// the API.
func (h *handler) page(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "" {
		// The handler is mounted at a path without a slash at the end. Redirect, because
		// relative URLs would be resolved against the parent path.
		path, _, _ := strings.Cut(r.RequestURI, "?")
		if i := strings.LastIndexByte(path, '/'); i >= 0 && i+1 < len(path) {
			w.Header().Set("Location", "./"+path[i+1:]+"/")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return
		}
	}
	serveAsset(w, r, "page.html", asset{"text/html; charset=utf-8", pageHTML, false})
}

func (h *handler) asset(w http.ResponseWriter, r *http.Request, name string) {
	a, ok := assetOf(name)
	if !ok {
		http.Error(w, "guardhttp: no such file", http.StatusNotFound)
		return
	}
	serveAsset(w, r, name, a)
}

func serveAsset(w http.ResponseWriter, r *http.Request, name string, a asset) {
	header := w.Header()
	header.Set("Content-Type", a.contentType)
	header.Set("Cache-Control", "no-cache") // revalidated each time, by the ETag
	header.Set("ETag", etag(name, a.content))
	if a.gzipped {
		header.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			header.Set("Content-Encoding", "gzip")
		} else {
			unpacked, err := gzip.NewReader(strings.NewReader(a.content))
			if err != nil {
				http.Error(w, "guardhttp: "+err.Error(), http.StatusInternalServerError)
				return
			}
			var b bytes.Buffer
			if _, err := io.Copy(&b, unpacked); err != nil {
				http.Error(w, "guardhttp: "+err.Error(), http.StatusInternalServerError)
				return
			}
			header.Set("ETag", strings.TrimSuffix(etag(name, a.content), `"`)+`-plain"`)
			a.content = b.String()
		}
	}
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(a.content))
}

func acceptsGzip(r *http.Request) bool {
	for _, v := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(v), ";")
		if (name == "gzip" || name == "*") && strings.ReplaceAll(q, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

// etags caches the ETag of each asset by name.
var etags sync.Map

func etag(name, content string) string {
	if tag, ok := etags.Load(name); ok {
		return tag.(string)
	}
	sum := sha256.Sum256([]byte(content))
	tag := `"` + hex.EncodeToString(sum[:12]) + `"`
	etags.Store(name, tag)
	return tag
}
