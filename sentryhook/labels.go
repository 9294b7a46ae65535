package sentryhook

import (
	"bytes"
	"fmt"

	"github.com/google/pprof/profile"
)

// stripLabels returns a pprof profile without the labels that the program has
// put on it (pprof.Do), and whether it had any. The labels' texts are gone from
// the file as well, not only the references to them. Numeric labels stay: they
// are the runtime's own (the size of a heap profile's blocks).
//
// The result is the same profile otherwise; samples that only labels told apart
// are one then. What it allocates is at stripCost.
func stripLabels(data []byte) (stripped []byte, had bool, err error) {
	p, err := profile.ParseData(data)
	if err != nil {
		return nil, false, fmt.Errorf("sentryhook: strip labels: %w", err)
	}
	for _, s := range p.Sample {
		had = had || len(s.Label) > 0
		s.Label = nil
	}
	if !had {
		return data, false, nil
	}
	var b bytes.Buffer
	// Compact merges the samples, and Write makes a table of strings anew.
	if err := p.Compact().Write(&b); err != nil {
		return nil, true, fmt.Errorf("sentryhook: strip labels: %w", err)
	}
	return b.Bytes(), true, nil
}
