package sink

import (
	"bytes"
	"fmt"

	"github.com/google/pprof/profile"
)

// stripLabels returns a pprof profile without the labels that the program has put on it
// (pprof.Do), and whether it had any. The texts of the labels are removed from the file,
// not only the references to them. Numeric labels stay: they are the runtime's own (the
// size of a heap profile's blocks).
//
// Samples that differed only in their labels are merged. See stripCost for what it
// allocates.
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
	// Compact merges the samples, and Write makes a new table of strings.
	if err := p.Compact().Write(&b); err != nil {
		return nil, true, fmt.Errorf("sentryhook: strip labels: %w", err)
	}
	return b.Bytes(), true, nil
}
