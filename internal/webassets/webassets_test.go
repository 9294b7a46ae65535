package webassets

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

// The third-party files match files/README.md byte for byte.
func TestAssets(t *testing.T) {
	uplotJS, err := UplotJS()
	if err != nil {
		t.Fatal(err)
	}
	flameJS, err := FlameJS()
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]struct{ content, sum string }{
		"uplot.min.js":  {uplotJS, "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"},
		"uplot.min.css": {UplotCSS, "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04"},
		"flame.min.js":  {flameJS, "3e6590a586a500b65afa4f359a80db25d2ab16d62a8b9b8869c976e59f3a104e"},
		"flame.css":     {FlameCSS, "16651f530d9b8de35bd9e46fa28e005932c608687d51ff26f64c87e146576b38"},
	} {
		sum := sha256.Sum256([]byte(a.content))
		if got := hex.EncodeToString(sum[:]); got != a.sum {
			t.Errorf("%s has the SHA-256 %s, want %s", name, got, a.sum)
		}
	}
	for name, content := range map[string]string{"uplot.min.js": uplotJS, "flame.min.js": flameJS, "draw.js": DrawJS, "base.css": BaseCSS,
		"uplot.min.css": UplotCSS, "flame.css": FlameCSS, "NOTICE.txt": Notice} {
		if strings.Contains(content, "</") {
			t.Errorf("%s holds '</', which may end the element that it stands in", name)
		}
		for _, never := range []string{"eval(", "new Function", "XMLHttpRequest", "fetch(", "importScripts"} {
			if strings.Contains(content, never) {
				t.Errorf("%s holds %q", name, never)
			}
		}
	}
	if all := Size(); all > 80<<10 {
		t.Errorf("the assets have %d bytes, which every binary carries that links what draws", all)
	}
}
