package guard

import (
	"path/filepath"
	"slices"

	"github.com/leakguard/leakguard/guard/internal/budget"
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
// by the uncompressed size of its profiles. They may be somebody else's.
func (k *keeper) predictUnpacked(m incident.Manifest) (bytes int64) {
	for _, a := range m.Artefacts {
		if a.Kind == nil {
			continue
		}
		f, err := k.store.Reader().Open(m.ID, a.Name)
		if err != nil {
			continue
		}
		bytes += budget.PredictUnpacked(f)
		f.Close()
	}
	return bytes
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
