package report

import (
	_ "embed"

	"github.com/leakguard/leakguard/internal/webassets"
)

// reportJS draws the report in a browser. The package html/template is not
// used: it disables the linker's dead-code elimination, which would cost every
// user's binary more than all the drawing code.
//
//go:embed assets/report.js
var reportJS string

// pageCSS returns the styles of a page.
func pageCSS() string { return webassets.UplotCSS + webassets.FlameCSS + webassets.BaseCSS }

// pageScripts returns the scripts of a page, in load order.
func pageScripts() (scripts []string, err error) {
	uplot, err := webassets.UplotJS()
	if err != nil {
		return nil, err
	}
	flame, err := webassets.FlameJS()
	if err != nil {
		return nil, err
	}
	return []string{uplot, flame, webassets.DrawJS + reportJS}, nil
}
