package report

import (
	_ "embed"

	"github.com/leakguard/leakguard/internal/webassets"
)

// reportJS draws the report in a browser. (A package html/template would cost
// each user's binary more than all that draws: it switches off the linker's
// dead-code elimination.)
//
//go:embed assets/report.js
var reportJS string

// pageCSS are the styles of a page.
func pageCSS() string { return webassets.UplotCSS + webassets.FlameCSS + webassets.BaseCSS }

// pageScripts are the scripts of a page, in the order in which they need each
// other.
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
