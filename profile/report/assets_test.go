package report

import (
	"strings"
	"testing"
)

// The script can be inlined in an element and does not use the network.
// internal/webassets tests the rest.
func TestReportScript(t *testing.T) {
	for _, never := range []string{"</", "eval(", "new Function", "XMLHttpRequest", "fetch(", "importScripts"} {
		if strings.Contains(reportJS, never) {
			t.Errorf("report.js holds %q", never)
		}
	}
}
