package incident

import (
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
)

func newArtefact(name string, size int64, sum string, written time.Time) Artefact {
	a := Artefact{Name: name, Size: size, SHA256: sum, Written: written}
	if k, ok := kindOf(name); ok {
		a.Kind = &k
	}
	return a
}

// kindOf tells which kind of profile a file holds by its name.
func kindOf(name string) (k profile.Kind, ok bool) {
	kind, ok := layout.KindName(name)
	if !ok {
		return 0, false
	}
	err := k.UnmarshalText([]byte(kind))
	return k, err == nil
}

// ParseFileName takes the name of a profile's file apart: 'heap-fresh.2.pb.gz' is the
// second capture of a heap profile after a forced GC cycle. Captures count from 1. It
// is not ok for any other file.
func ParseFileName(name string) (kind profile.Kind, variant Variant, capture int, ok bool) {
	if kind, ok = kindOf(name); !ok {
		return 0, "", 0, false
	}
	stem, capture := layout.CutNumber(strings.TrimSuffix(name, ".pb.gz"))
	_, v, _ := strings.Cut(stem, "-")
	return kind, Variant(v), capture, layout.FileName(kind.String(), v, capture) == name
}

// Variant says as of when a profile within an incident is.
type Variant string

// The variants, as they stand in the names of files.
const (
	VariantCrossing Variant = ""      // as of the crossing
	VariantBase     Variant = "base"  // the baseline that it is compared with
	VariantFresh    Variant = "fresh" // after a forced GC cycle
)

// The files of an incident's report, and of a death's incident the one that has what the
// Go runtime wrote of a fatal panic, as far as it was kept.
const (
	ReportText     = layout.ReportText
	ReportMarkdown = layout.ReportMarkdown
	ReportHTML     = layout.ReportHTML
	CrashText      = layout.CrashText
)
