package guard

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/leakguard/leakguard/guard/internal/budget"
	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// unexplained returns the newest incidents of earlier processes that have profiles but no
// report, for lack of memory or time.
func (k *keeper) unexplained(incidents []incident.Manifest) []explanation {
	var out []explanation
	for _, m := range slices.Backward(incidents) {
		if len(out) == explainEarlier {
			break
		}
		predicted, wanting := predictExplanation(m.Artefacts)
		if !wanting {
			continue
		}
		f, err := k.store.Reopen(m.ID)
		if err != nil {
			continue // its process is alive and explains it itself
		}
		f.Close()
		if err := k.store.ExplanationBroke(m.ID); err != nil {
			k.log.Warn("leakguard: an earlier incident will not be explained, because that may have killed a process; leakreport explains it from a copy of its folder",
				"incident", m.ID, "folder", filepath.Join(k.store.Dir(), m.ID), "error", err)
			continue
		}
		predicted = max(predicted, k.predictUnpacked(m)+renderBytes)
		out = append(out, explanation{id: m.ID, earlier: true, predicted: predicted})
	}
	return out
}

// predictUnpacked predicts how many bytes an explanation of an incident allocates at most,
// by what its profiles hold. They may be somebody else's. Those between the baseline and
// the newest are read one after the other, so only the largest counts.
func (k *keeper) predictUnpacked(m incident.Manifest) (bytes int64) {
	unpacked := func(a incident.Artefact) int64 {
		f, err := k.store.Reader().Open(m.ID, a.Name)
		if err != nil {
			return 0
		}
		defer f.Close()
		return budget.PredictUnpacked(f)
	}
	compared := comparedFiles(m.Artefacts)
	for _, a := range compared {
		if a.Kind == nil {
			bytes += budget.PredictText(a.Size)
		} else {
			bytes += unpacked(a)
		}
	}
	var between int64
	for _, a := range m.Artefacts {
		if _, _, _, ok := incident.ParseFileName(a.Name); ok && !slices.ContainsFunc(compared, func(c incident.Artefact) bool { return c.Name == a.Name }) {
			between = max(between, unpacked(a))
		}
	}
	return bytes + between
}

// comparedFiles returns the files that an explanation reads: of each kind of profile the
// newest one and the main baseline, and the newest text of goroutines. A folder may have
// thousands of files.
func comparedFiles(files []incident.Artefact) (list []incident.Artefact) {
	type use struct {
		kind       profile.Kind
		base, text bool
	}
	newest, at := make(map[use]int), make(map[use]int)
	for _, a := range files {
		kind, variant, seq, ok := incident.ParseFileName(a.Name)
		u := use{kind: kind, base: variant == incident.VariantBase}
		if !ok {
			if !strings.HasPrefix(a.Name, profile.Goroutine.String()+".") || !strings.HasSuffix(a.Name, ".txt") {
				continue
			}
			u = use{text: true}
			_, seq = layout.CutNumber(strings.TrimSuffix(a.Name, ".txt"))
		}
		order := 2 * seq
		switch {
		case variant == incident.VariantFresh:
			order++
		case u.base:
			order = -seq // the first is the main one
		}
		i, known := at[u]
		if !known {
			at[u], i = len(list), len(list)
			list = append(list, a)
		}
		if !known || order >= newest[u] {
			newest[u], list[i] = order, a
		}
	}
	return list
}

// predictExplanation predicts how many bytes an explanation of the files allocates. wanting
// says that there are profiles without a report. Of the further baselines only the largest
// counts: they are read one after the other, and nothing of them is kept.
func predictExplanation(files []incident.Artefact) (predicted int64, wanting bool) {
	var sizes []int64
	reported, rung := false, int64(0)
	for _, a := range files { // in the order in which they were written
		if a.Name == incident.ReportText {
			reported = true
		}
		if _, variant, number, ok := incident.ParseFileName(a.Name); ok && variant == incident.VariantBase && number > 1 {
			rung = max(rung, a.Size)
			continue
		}
		if a.Kind != nil {
			sizes = append(sizes, a.Size)
			reported = false // the report does not cover this profile
		}
	}
	return budget.PredictCompare(append(sizes, rung)...) + renderBytes, len(sizes) > 0 && !reported
}
