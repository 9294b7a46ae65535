package incident

import (
	"testing"

	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
)

func TestParseFileName(t *testing.T) {
	for _, kind := range profile.Kinds() {
		for _, variant := range []Variant{VariantCrossing, VariantBase, VariantFresh} {
			for _, capture := range []int{0, 1, 2, 1000} {
				name := layout.FileName(kind.String(), string(variant), capture)
				gotKind, gotVariant, gotCapture, ok := ParseFileName(name)
				if !ok || gotKind != kind || gotVariant != variant || gotCapture != max(capture, 1) {
					t.Errorf("%s is %v, %q, %d, %v; want %v, %q, %d", name, gotKind, gotVariant, gotCapture, ok, kind, variant, capture)
				}
			}
		}
	}
	for want, got := range map[string]string{
		"heap.pb.gz":              layout.FileName("heap", "", 1),
		"heap-base.pb.gz":         layout.FileName("heap", "base", 0),
		"goroutine-fresh.3.pb.gz": layout.FileName("goroutine", "fresh", 3),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for _, name := range []string{"heap.txt", "heapster.pb.gz", "report.html", "HEAP.pb.gz", ".pb.gz"} {
		if k, _, _, ok := ParseFileName(name); ok {
			t.Errorf("%s is no profile, not one of %v", name, k)
		}
	}
}
