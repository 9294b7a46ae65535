package incident

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/leakguard/leakguard/internal/bounded"
	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
)

// manifestSchema is the version of the manifest that this package writes, and
// the newest that it reads. A field that is added does not change it; a field
// whose meaning changes does.
const manifestSchema = 1

// How much a manifest holds, in entries and bytes. Of decisions, captures and
// steps WriteManifest keeps the first and the newest: how it began must not be
// lost to a long incident.
const (
	maxManifestBytes  = 4 << 20
	maxReadings       = 64
	maxDecisions      = 64
	maxCaptures       = 64
	maxSteps          = 32
	maxHistory        = 256
	maxTrends         = 8
	maxSites          = 32
	maxDeathIncidents = 32
	maxSuspects       = 8
	maxReasons        = 8
)

// Trigger says what opened an incident. Its zero value is not set.
type Trigger string

// The triggers.
const (
	TriggerRule   Trigger = "rule"
	TriggerManual Trigger = "manual"
	TriggerSignal Trigger = "signal"
	TriggerDeath  Trigger = "death" // of the previous process
)

// Outcome says what became of a step of a capture. Its zero value is not set.
type Outcome string

// The outcomes.
const (
	OutcomeWritten Outcome = "written"
	OutcomeSkipped Outcome = "skipped"
	OutcomeFailed  Outcome = "failed"
)

// Manifest is one incident as it is kept on disk, in manifest.json. In JSON its
// times are RFC 3339, and a quantity that nobody knows is null.
type Manifest struct {
	// Schema is the version of this structure, 1 so far. A field that is added does not
	// change it; a field whose meaning changes does.
	Schema int `json:"schema"`
	// ID is the name of the incident's folder.
	ID string `json:"id"`
	// Rule is the name of the rule that opened the incident.
	Rule string `json:"rule"`
	// Trigger is what opened it: [TriggerRule], [TriggerManual],
	// [TriggerSignal] or [TriggerDeath].
	Trigger Trigger `json:"trigger"`
	// Reason says in words what was the matter, such as 'unreclaimable
	// memory 92% of 512 MiB'.
	Reason string `json:"reason"`
	// Verdict is what filled the memory when it opened.
	Verdict Verdict `json:"verdict"`
	// Headline is the first line of the incident's report, which names the
	// culprit; "" until there is one. At most 1 KiB.
	Headline string `json:"headline"`
	// Suspects are who may leak, as the report ranks them, the likeliest first, 8 at
	// most. There are none before the incident is explained, nor in a manifest that a
	// version before this field wrote.
	Suspects Suspects `json:"suspects"`
	// Opened is when the incident began, by the wall clock.
	Opened time.Time `json:"opened"`
	// Recovered is when it ended; nil while it is open, and for good if the
	// process died in it.
	Recovered *time.Time `json:"recovered"`
	// Peak is the highest value that the rule saw, in Unit; [profile.Unknown] where
	// the rule has none.
	Peak int64 `json:"peak"`
	// Unit is Peak's: [profile.UnitBytes], [profile.UnitCount], [profile.UnitMilliCPU] or
	// [profile.UnitPerSecond].
	Unit profile.Unit `json:"unit"`
	// Captures are the rounds of evidence that were taken, oldest first:
	// the first and the newest, 64 at most.
	Captures []CaptureRecord `json:"captures"`
	// Decisions are what was decided and why, also 'not captured, cooling
	// down', oldest first: the first and the newest, 64 at most.
	Decisions []Decision `json:"decisions"`
	// Readings are the last ones before the crossing, oldest first, 64 at
	// most.
	Readings []Reading `json:"readings"`
	// History is the time before that, as far as it is known, thinner the
	// older it is, oldest first, 256 points at most.
	History []HistoryPoint `json:"history"`
	// Trends are how the signals have moved over hours, 8 at most.
	Trends []Trend `json:"trends"`
	// GoroutineSites are the places where goroutines wait that have grown
	// most, largest growth first, 32 at most.
	GoroutineSites []GoroutineSite `json:"goroutine_sites"`
	// Idle is what the process did at its quietest; nil where nobody knows.
	Idle *IdleUse `json:"idle,omitempty"`
	// Limits are the memory limits that were found.
	Limits []MemoryLimit `json:"limits"`
	// Build is the program.
	Build Build `json:"build"`
	// Process is the run of the program.
	Process Process `json:"process"`
	// Death is what the process died of, of an incident that tells that; else
	// nil. Process and Build are then those of the dead one.
	Death *Death `json:"death,omitempty"`
	// Artefacts are the files of the incident except manifest.json and
	// delivery.json, in the order in which they were written.
	Artefacts []Artefact `json:"artefacts"`

	// CutShort says that there is no readable manifest: the process died
	// before it could write one. ID, Rule, Opened and Artefacts then are
	// what the folder's name and content tell. Derived, not stored.
	CutShort bool `json:"-"`
	// Warnings are doubts about what was read that are no error, such as an
	// artefact that is missing. Derived, not stored.
	Warnings []string `json:"-"`
}

// CaptureRecord is one round of evidence.
type CaptureRecord struct {
	Seq   int           `json:"seq"`  // counts from 1 within the incident
	Time  time.Time     `json:"time"` // when the round began
	Steps []CaptureStep `json:"steps"`
}

// Step is one profile of a capture: what was wanted and what became of it.
type CaptureStep struct {
	Kind    profile.Kind `json:"kind"`
	File    string       `json:"file,omitempty"`   // the artefact's name; empty unless written
	Outcome Outcome      `json:"outcome"`          // [OutcomeWritten], [OutcomeSkipped] or [OutcomeFailed]
	Reason  string       `json:"reason,omitempty"` // why it was skipped, failed or is stale
	// Stale says that the profile shows the heap as of an earlier GC cycle.
	// A fresher one, where there was headroom for it, is a step of its own.
	Stale  bool  `json:"stale,omitempty"`
	TookNS int64 `json:"took_ns"` // nanoseconds of wall-clock time
}

// Decision is what was decided about the incident, and why, in words.
type Decision struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"`
}

// Limit is one memory limit and where it was found.
type MemoryLimit struct {
	Source string        `json:"source"`         // such as 'cgroup v2', 'GOMEMLIMIT' or 'host'
	Path   string        `json:"path,omitempty"` // the file it was read from
	Bytes  profile.Bytes `json:"bytes"`
}

// Idle is what the process did at its quietest when the incident opened, and in
// calm times before: a tenth of the window was quieter.
type IdleUse struct {
	WindowNS      int64            `json:"window_ns"`
	CPU           profile.MilliCPU `json:"cpu_millis"`
	CPUBefore     profile.MilliCPU `json:"cpu_before_millis"`
	Wakeups       profile.Count    `json:"wakeups_per_second"` // of goroutines, by the scheduler
	WakeupsBefore profile.Count    `json:"wakeups_before_per_second"`
}

// Build is which program it was; see [runtime/debug.BuildInfo].
type Build struct {
	GoVersion string `json:"go_version"` // such as 'go1.26.0'
	Path      string `json:"path"`       // of the main package
	Module    string `json:"module"`     // path of the main module
	Version   string `json:"version"`    // of the main module
	Revision  string `json:"revision"`   // of the version control system
	Modified  bool   `json:"modified"`   // by more than that revision
	OS        string `json:"os"`         // GOOS
	Arch      string `json:"arch"`       // GOARCH
}

// Process is which run of the program it was.
type Process struct {
	Service    string    `json:"service"`
	Version    string    `json:"version"` // of the service, as its operator names it
	Host       string    `json:"host"`
	Pod        string    `json:"pod"`
	PID        int       `json:"pid"`
	Started    time.Time `json:"started"`
	GOMAXPROCS int       `json:"gomaxprocs"`
	// AsyncTimers says that GODEBUG=asynctimerchan=1 was in force: then the
	// runtime does not collect a ticker that nobody stops, even where nobody
	// waits for it any more.
	AsyncTimers bool `json:"async_timers,omitempty"`
}

// Artefact is one file of an incident.
type Artefact struct {
	Name string `json:"name"`
	// Kind is what a pprof file shows; nil for a text or a report.
	Kind *profile.Kind `json:"kind,omitempty"`
	// Size is in bytes.
	Size int64 `json:"size_bytes"`
	// SHA256 is the hash of the content in lower-case hexadecimal; empty
	// when the file was found on disk and nobody has hashed it.
	SHA256  string    `json:"sha256,omitempty"`
	Written time.Time `json:"written"`
}

// ReadManifest reads what [store.Folder.WriteManifest] wrote. It reads at most 4 MiB,
// ignores fields that it does not know, and refuses a schema newer than
// [manifestSchema]. Artefacts whose name the store cannot have written are left
// out with a warning.
func ReadManifest(r io.Reader) (Manifest, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxManifestBytes+1))
	if err != nil {
		return Manifest{}, fmt.Errorf("incident: read manifest: %w", err)
	}
	if len(data) > maxManifestBytes {
		return Manifest{}, fmt.Errorf("incident: manifest is larger than %v: not one of this library's", profile.Bytes(maxManifestBytes))
	}
	// The schema first: what a newer one means may not even parse below.
	var version struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return Manifest{}, fmt.Errorf("incident: parse manifest: %w", err)
	}
	switch {
	case version.Schema > manifestSchema:
		return Manifest{}, fmt.Errorf("incident: manifest has schema %d, newer than the %d this version reads: update the module that reads it", version.Schema, manifestSchema)
	case version.Schema < 1:
		return Manifest{}, errors.New("incident: manifest has no schema: not one of this library's")
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, fmt.Errorf("incident: parse manifest: %w", err)
	}
	known := m.Artefacts[:0]
	for _, a := range m.Artefacts {
		if !layout.ValidName(a.Name) || layout.Reserved(a.Name) || a.Size < 0 {
			m.Warnings = append(m.Warnings, fmt.Sprintf("the manifest lists %.100q, which this library does not write: left out", a.Name))
			continue
		}
		known = append(known, newArtefact(a.Name, a.Size, a.SHA256, a.Written))
	}
	m.Artefacts = known
	return m, nil
}

// Encode returns the manifest as JSON. It sets Schema, cuts lists and texts to their bounds; an
// error means that it would still be too large to be read back.
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
		return nil, fmt.Errorf("incident: manifest of %v is larger than the %v that can be read back: shorten its texts", profile.Bytes(buf.Len()), profile.Bytes(maxManifestBytes))
	}
	return buf.Bytes(), nil
}

func present[T any](list []T) []T { return bounded.FirstAndNewest(list, len(list)) }
