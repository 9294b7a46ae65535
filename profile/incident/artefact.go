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

// kindOf returns the kind of profile that a file holds, by its name.
func kindOf(name string) (k profile.Kind, ok bool) {
	kind, ok := layout.KindName(name)
	if !ok {
		return 0, false
	}
	err := k.UnmarshalText([]byte(kind))
	return k, err == nil
}

// ParseFileName splits the name of a profile's file: 'heap-fresh.2.pb.gz' is
// the second capture of a heap profile after a forced GC cycle. Captures count
// from 1. ok is false for any other file.
func ParseFileName(name string) (kind profile.Kind, variant Variant, capture int, ok bool) {
	if kind, ok = kindOf(name); !ok {
		return 0, "", 0, false
	}
	stem, capture := layout.CutNumber(strings.TrimSuffix(name, ".pb.gz"))
	_, v, _ := strings.Cut(stem, "-")
	return kind, Variant(v), capture, layout.FileName(kind.String(), v, capture) == name
}

// Variant says which moment a profile within an incident shows.
type Variant string

// The variants, as they appear in file names.
const (
	VariantCrossing Variant = ""      // when the incident opened
	VariantBase     Variant = "base"  // a baseline: number 1 is the one to compare with, the others follow by age, oldest first
	VariantFresh    Variant = "fresh" // after a forced GC cycle
)

// The text files of an incident. CrashText exists only in the incident of a
// death: it holds what the Go runtime printed about a fatal panic, as far as it
// was saved.
const (
	ReportText     = layout.ReportText
	ReportMarkdown = layout.ReportMarkdown
	ReportHTML     = layout.ReportHTML
	CrashText      = layout.CrashText
)
