package report

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leakguard/leakguard/internal/webassets"
)

// forms are the renderings with their file extensions and size limits.
var forms = []struct {
	ext   string
	write func(*Report, io.Writer) error
	most  int
}{
	{".txt", (*Report).WriteText, 8 << 10},
	{".md", (*Report).WriteMarkdown, 32 << 10},
	{".html", (*Report).WriteHTML, 3 << 19},
}

// withoutAssets removes the embedded libraries from a page, because their
// hashes would change the golden files with each of their versions.
func withoutAssets(t *testing.T, page []byte) []byte {
	t.Helper()
	s := string(page)
	assets, err := pageScripts()
	if err != nil {
		t.Fatal(err)
	}
	for _, asset := range append(assets, pageCSS(), webassets.Notice) {
		s = strings.ReplaceAll(s, asset, "[asset]")
	}
	start := strings.Index(s, "script-src")
	if end := strings.Index(s, "; img-src"); start >= 0 && end > start {
		s = s[:start] + "[hashes]" + s[end:]
	}
	return []byte(s)
}

func TestReportsGolden(t *testing.T) {
	if filepath.Separator != '/' {
		t.Skip("the golden commands have slashes")
	}
	for name, e := range reportCases() {
		for _, form := range forms {
			t.Run(name+form.ext, func(t *testing.T) {
				var got bytes.Buffer
				if err := form.write(Explain(e), &got); err != nil {
					t.Fatal(err)
				}
				checkGolden(t, filepath.Join("testdata", name+form.ext), withoutAssets(t, got.Bytes()))
			})
		}
	}
}

// checkGolden compares got with a file. If they differ it writes got beside the
// file, as .got-name, to be compared and, if it is right, copied.
func checkGolden(t *testing.T, path string, got []byte) {
	t.Helper()
	want, err := os.ReadFile(path)
	other := filepath.Join(filepath.Dir(path), ".got-"+filepath.Base(path))
	if err == nil && bytes.Equal(got, want) {
		os.Remove(other)
		return
	}
	if err := os.WriteFile(other, got, 0o600); err != nil {
		t.Error(err)
	}
	t.Errorf("%s: not as wanted (%v); got is in %s; %s", path, err, other, firstDifference(want, got))
}

func firstDifference(want, got []byte) string {
	w, g := strings.Split(string(want), "\n"), strings.Split(string(got), "\n")
	for i := range max(len(w), len(g)) {
		if i >= len(w) || i >= len(g) || w[i] != g[i] {
			line := func(s []string) string {
				if i >= len(s) {
					return "the end"
				}
				return fmt.Sprintf("%.200q", s[i])
			}
			return fmt.Sprintf("line %d: want %s, got %s", i+1, line(w), line(g))
		}
	}
	return ""
}
