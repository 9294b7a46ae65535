// Package webassets embeds the browser code and styles shared by an incident's
// report and the live page: the libraries that draw, and our own. files/README.md
// says where each comes from.
package webassets

import (
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"strings"
)

// Embedded files lie in the binary's read-only data, which the kernel loads on
// first use. The libraries are stored compressed, which saves every user's binary
// 75 KB.
var (
	//go:embed files/uplot.min.js.gz
	uplot string
	//go:embed files/flame.min.js.gz
	flame string

	// DrawJS draws charts with the libraries. It defines leakguardDraw.
	//go:embed files/draw.js
	DrawJS string
	// UplotCSS and FlameCSS are the styles of the libraries, and BaseCSS is our own.
	//go:embed files/uplot.min.css
	UplotCSS string
	//go:embed files/flame.css
	FlameCSS string
	//go:embed files/base.css
	BaseCSS string
	// Notice holds the licences of the libraries.
	//go:embed files/NOTICE.txt
	Notice string
)

// Size returns how many bytes all of this adds to a binary.
func Size() int {
	return len(uplot) + len(flame) + len(DrawJS) + len(UplotCSS) + len(FlameCSS) + len(BaseCSS) + len(Notice)
}

// UplotJS and FlameJS return the libraries. Each call decompresses them again, in
// half a millisecond: keeping them would cost a guard against leaks memory for
// nothing.
func UplotJS() (string, error) { return inflate("uplot", uplot) }

// FlameJS is like [UplotJS].
func FlameJS() (string, error) { return inflate("flame", flame) }

// UplotGzip and FlameGzip return the libraries as they are embedded, for a browser
// that decompresses them itself.
func UplotGzip() string { return uplot }

// FlameGzip is like [UplotGzip].
func FlameGzip() string { return flame }

func inflate(name, packed string) (string, error) {
	r, err := gzip.NewReader(strings.NewReader(packed))
	if err != nil {
		return "", fmt.Errorf("embedded script %s: %w", name, err)
	}
	var b strings.Builder
	if _, err := io.Copy(&b, r); err != nil {
		return "", fmt.Errorf("embedded script %s: %w", name, err)
	}
	return b.String(), nil
}
