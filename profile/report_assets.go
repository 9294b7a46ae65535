package profile

import (
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"strings"
)

// What draws the report in a browser; assets/README.md says where it is from. It
// lies in the binary's read-only data, which the kernel reads in when somebody
// writes a report and not before. The libraries lie there compressed, which saves
// each user's binary 75 KB. (A package html/template would cost it more than all
// of this: it switches off the linker's dead-code elimination.)
var (
	//go:embed assets/uplot.min.js.gz
	uplotGzip string
	//go:embed assets/flame.min.js.gz
	flameGzip string
	//go:embed assets/report.js
	reportJS string
	//go:embed assets/uplot.min.css
	uplotCSS string
	//go:embed assets/flame.css
	flameCSS string
	//go:embed assets/report.css
	reportCSS string
	//go:embed assets/NOTICE.txt
	notice string
)

// pageScripts are the scripts of a page, in the order in which they need each
// other. They are inflated for each page, in about 1 ms: kept they would be
// memory that a leak's guard holds for nothing.
func pageScripts() (scripts []string, err error) {
	for _, packed := range []string{uplotGzip, flameGzip} {
		r, err := gzip.NewReader(strings.NewReader(packed))
		if err != nil {
			return nil, fmt.Errorf("embedded script: %w", err)
		}
		var b strings.Builder
		if _, err := io.Copy(&b, r); err != nil {
			return nil, fmt.Errorf("embedded script: %w", err)
		}
		scripts = append(scripts, b.String())
	}
	return append(scripts, reportJS), nil
}
