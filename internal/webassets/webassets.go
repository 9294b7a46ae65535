// Package webassets holds what draws in a browser: the libraries, and what the
// report of an incident and the live page have in common. files/README.md says
// where it is from. It is embedded once for both.
package webassets

import (
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"strings"
)

// What is embedded lies in the binary's read-only data, which the kernel reads in
// when somebody looks and not before. The libraries lie there compressed, which
// saves each user's binary 75 KB.
var (
	//go:embed files/uplot.min.js.gz
	uplot string
	//go:embed files/flame.min.js.gz
	flame string

	// DrawJS draws with the libraries: it defines leakguardDraw.
	//go:embed files/draw.js
	DrawJS string
	// UplotCSS and FlameCSS are the libraries' styles, BaseCSS ours.
	//go:embed files/uplot.min.css
	UplotCSS string
	//go:embed files/flame.css
	FlameCSS string
	//go:embed files/base.css
	BaseCSS string
	// Notice has the libraries' licences.
	//go:embed files/NOTICE.txt
	Notice string
)

// Size is how many bytes a binary carries for all of it.
func Size() int {
	return len(uplot) + len(flame) + len(DrawJS) + len(UplotCSS) + len(FlameCSS) + len(BaseCSS) + len(Notice)
}

// UplotJS and FlameJS return the libraries. They are inflated anew by each call,
// in half a millisecond: kept they would be memory that a leak's guard holds for
// nothing.
func UplotJS() (string, error) { return inflate("uplot", uplot) }

// FlameJS is as [UplotJS].
func FlameJS() (string, error) { return inflate("flame", flame) }

// UplotGzip and FlameGzip return the libraries as they are embedded, for a
// browser that inflates them itself.
func UplotGzip() string { return uplot }

// FlameGzip is as [UplotGzip].
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
