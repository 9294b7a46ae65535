package report

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leakguard/leakguard/internal/chromium"
	"github.com/leakguard/leakguard/internal/testenv"
)

// drawn is the result of the probe in a page.
type drawn struct {
	Dark     bool // the page sees a dark color scheme
	Charts   int  // chart canvases that are not blank
	Frames   int  // flame graph frames with a width
	Walked   bool // an arrow key went from the root to its child
	Zoomed   bool // a click on a frame made it as wide as the graph
	Reset    bool // the button made it as narrow as before
	Open     int  // text alternatives that are still open
	Overflow int  // by how many pixels the page is wider than its window
	Height   int  // of the page
}

const probe = `(async () => {
  const settled = async (f) => { for (let i = 0; i < 200 && !f(); i++) await new Promise((done) => setTimeout(done, 25)); return f(); };
  const blank = (c) => c.getContext("2d").getImageData(0, 0, c.width, c.height).data.every((v) => v === 0);
  const width = (g) => g.querySelector("rect").getBoundingClientRect().width;
  const frames = Array.from(document.querySelectorAll("#flame-graph g.frame"));
  const found = { Walked: false, Zoomed: false, Reset: false };
  found.Dark = matchMedia("(prefers-color-scheme: dark)").matches;
  found.Charts = Array.from(document.querySelectorAll("#chart canvas")).filter((c) => !blank(c)).length;
  found.Frames = frames.filter((g) => width(g) > 0).length;
  found.Open = document.querySelectorAll("details.alternative[open]").length;
  found.Overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  found.Height = document.documentElement.scrollHeight;
  if (frames.length > 2) {
    frames[0].focus();
    frames[0].dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true, cancelable: true }));
    found.Walked = document.activeElement === frames.find((g) => g.__data__ === frames[0].__data__.children[0]);
    const narrow = frames.reduce((a, b) => (width(b) < width(a) ? b : a));
    const before = width(narrow);
    const graph = document.querySelector("#flame-graph svg").getBoundingClientRect().width;
    narrow.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    found.Zoomed = await settled(() => Math.abs(width(narrow) - graph) < 2);
    document.getElementById("flame-reset").click();
    const again = () => Array.from(document.querySelectorAll("#flame-graph g.frame")).find((g) => g.__data__ === narrow.__data__);
    found.Reset = await settled(() => again() && Math.abs(width(again()) - before) < 2);
    document.activeElement.blur();
  }
  return found;
})()`

// writePages writes the golden cases and a hostile one as pages.
func writePages(t *testing.T) (dir string, names []string) {
	t.Helper()
	dir = t.TempDir()
	cases := reportCases()
	cases["hostile"] = hostile(strings.Join(evil, " "), 12)
	for name, e := range cases {
		var b strings.Builder
		if err := Explain(e).WriteHTML(&b); err != nil {
			t.Fatal(err)
		}
		mustWrite(t, filepath.Join(dir, name+".html"), b.String())
	}
	return dir, slices.Sorted(maps.Keys(cases))
}

func pageURL(dir, name string) string {
	return "file://" + filepath.ToSlash(filepath.Join(dir, name+".html"))
}

// TestPagesInABrowser opens each page in each size and colour, or, unless tests run
// whole, in one of them.
func TestPagesInABrowser(t *testing.T) {
	b := chromium.Start(t)
	dir, names := writePages(t)
	noChart := []string{"cut-short", "two-files"} // they have no readings
	noFlame := []string{"nongo", "nothing", "tmpfs"}
	for w, width := range []int{1280, 390} {
		for d, dark := range []bool{false, true} {
			for i, name := range names {
				if !testenv.Full() && i%4 != 2*w+d {
					continue
				}
				at := fmt.Sprintf("%s, %d pixels wide, dark %v", name, width, dark)
				b.Open(pageURL(dir, name), width, 900, dark)
				var p drawn
				b.Evaluate(probe, &p)
				if p.Dark != dark {
					t.Errorf("%s: the page is dark: %v", at, p.Dark)
				}
				if want := !slices.Contains(noChart, name); want != (p.Charts == 1) {
					t.Errorf("%s: %d charts are drawn, want one: %v", at, p.Charts, want)
				}
				if want := !slices.Contains(noFlame, name); want != (p.Frames >= 2) {
					t.Errorf("%s: %d frames are drawn, want some: %v", at, p.Frames, want)
				} else if p.Frames > 2 && !(p.Walked && p.Zoomed && p.Reset) {
					t.Errorf("%s: an arrow key walks: %v; a click zooms: %v; the button resets: %v", at, p.Walked, p.Zoomed, p.Reset)
				}
				if p.Open > 0 {
					t.Errorf("%s: %d texts are open beside the pictures that they stand in for", at, p.Open)
				}
				if p.Overflow > 0 {
					t.Errorf("%s: %d pixels wider than the window", at, p.Overflow)
				}
				if c := b.Complaints(pageURL(dir, name)); len(c) > 0 {
					t.Errorf("%s: %q", at, c)
				}
			}
		}
	}
}

// TestScreenshots makes the pictures of the documentation anew:
//
//	LEAKGUARD_SCREENSHOTS=1 go test ./profile/report -run TestScreenshots
func TestScreenshots(t *testing.T) {
	if os.Getenv("LEAKGUARD_SCREENSHOTS") != "1" {
		t.Skip("LEAKGUARD_SCREENSHOTS=1 is not set")
	}
	b := chromium.Start(t)
	dir, _ := writePages(t)
	docs := filepath.Join("..", "..", "docs")
	if err := os.MkdirAll(docs, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file, page string
		width      int
		dark       bool
	}{
		{"report-desktop.png", "seed", 1280, false},
		{"report-desktop-dark.png", "heap", 1280, true},
		{"report-phone.png", "seed", 390, false},
		{"report-phone-dark.png", "heap", 390, true},
	} {
		b.Open(pageURL(dir, c.page), c.width, 900, c.dark)
		var p drawn
		b.Evaluate(probe, &p)
		b.Screenshot(filepath.Join(docs, c.file), "", c.width, 1400)
	}
}
