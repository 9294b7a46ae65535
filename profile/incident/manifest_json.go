package incident

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/leakguard/leakguard/internal/bounded"
	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
)

// manifestSchema is the version of the manifest that this package writes, and
// the newest that it reads. It rises when the meaning of a field changes, not
// when a field is added.
const manifestSchema = 1

// The limits of a manifest, in entries and bytes. Of decisions, captures and
// steps, Encode keeps the first and the newest, because a long incident must
// not lose its beginning.
const (
	maxManifestBytes  = 4 << 20
	maxReadings       = 64
	maxDecisions      = 64
	maxCaptures       = 64
	maxSteps          = 32
	maxLimits         = 64
	maxArtefacts      = 4096
	maxHistory        = 256
	maxTrends         = 8
	maxSites          = 32
	maxDeathIncidents = 32
	maxSuspects       = 8
	maxReasons        = 8
	maxPath           = 5 // frames of a suspect's path
)

// ReadManifest reads a manifest as [Manifest.Encode] writes it. It reads at
// most 4 MiB, ignores unknown fields, and fails for a schema newer than the one
// it knows. It leaves out what exceeds the limits of a list, and artefacts with
// names that this library does not write, and adds a warning for each.
func ReadManifest(r io.Reader) (Manifest, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxManifestBytes+1))
	if err != nil {
		return Manifest{}, fmt.Errorf("incident: read manifest: %w", err)
	}
	if len(data) > maxManifestBytes {
		return Manifest{}, fmt.Errorf("incident: manifest is larger than %v: this library did not write it", profile.Bytes(maxManifestBytes))
	}
	// Check the schema first: a newer manifest may not even parse below.
	var version struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return Manifest{}, fmt.Errorf("incident: parse manifest: %w", err)
	}
	switch {
	case version.Schema > manifestSchema:
		return Manifest{}, fmt.Errorf("incident: manifest has schema %d, but this version reads at most %d: update github.com/leakguard/leakguard", version.Schema, manifestSchema)
	case version.Schema < 1:
		return Manifest{}, errors.New("incident: manifest has no schema: this library did not write it")
	}
	m, err := decodeManifest(data)
	if err != nil {
		return Manifest{}, fmt.Errorf("incident: parse manifest: %w", err)
	}
	known := m.Artefacts[:0]
	for _, a := range m.Artefacts {
		if !layout.ValidName(a.Name) || layout.Reserved(a.Name) || a.Size < 0 {
			m.Warnings = append(m.Warnings, fmt.Sprintf("ignored %.100q in the manifest: this library writes no such file", a.Name))
			continue
		}
		known = append(known, newArtefact(a.Name, a.Size, a.SHA256, a.Written))
	}
	m.Artefacts = known
	return m, nil
}

// Encode returns the manifest as JSON. It sets Schema and cuts lists and texts
// to their limits. It fails if the result would still be too large for
// [ReadManifest]. Encode does not change m's lists.
func (m Manifest) Encode() ([]byte, error) {
	m.Schema = manifestSchema
	m.Captures = bounded.FirstAndNewest(m.Captures, maxCaptures)
	m.Decisions = bounded.FirstAndNewest(m.Decisions, maxDecisions)
	if n := len(m.Readings); n > maxReadings {
		m.Readings = m.Readings[n-maxReadings:]
	}
	if n := len(m.History); n > maxHistory {
		m.History = m.History[n-maxHistory:]
	}
	m.Trends = m.Trends[:min(len(m.Trends), maxTrends)]
	m.GoroutineSites = m.GoroutineSites[:min(len(m.GoroutineSites), maxSites)]
	m.Reason, m.Headline = bounded.Text(m.Reason), bounded.Text(m.Headline)
	m.Verdict.Text = bounded.Text(m.Verdict.Text)
	m.Suspects = boundedSuspects(m.Suspects)
	m.Death = m.Death.bounded()
	for i, d := range m.Decisions {
		m.Decisions[i].Text = bounded.Text(d.Text)
	}
	for i, c := range m.Captures {
		steps := bounded.FirstAndNewest(c.Steps, maxSteps)
		for j, step := range steps {
			steps[j].Reason = bounded.Text(step.Reason)
		}
		m.Captures[i].Steps = steps
	}
	m.Readings, m.Limits, m.Artefacts = present(m.Readings), present(m.Limits), present(m.Artefacts)
	m.History, m.Trends, m.GoroutineSites = present(m.History), present(m.Trends), present(m.GoroutineSites)
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(m); err != nil {
		return nil, fmt.Errorf("incident: encode manifest: %w", err)
	}
	if buf.Len() > maxManifestBytes {
		return nil, fmt.Errorf("incident: manifest of %v exceeds the limit of %v: shorten its texts", profile.Bytes(buf.Len()), profile.Bytes(maxManifestBytes))
	}
	return buf.Bytes(), nil
}

func present[T any](list []T) []T { return bounded.FirstAndNewest(list, len(list)) }
