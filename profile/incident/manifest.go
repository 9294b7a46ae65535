package incident

import (
	"time"

	"github.com/leakguard/leakguard/profile"
)

// Trigger says what opened an incident. The zero value means that it is not
// set.
type Trigger string

// The triggers.
const (
	TriggerRule   Trigger = "rule"
	TriggerManual Trigger = "manual"
	TriggerSignal Trigger = "signal"
	TriggerDeath  Trigger = "death" // death of the previous process
)

// Outcome says how a step of a capture ended. The zero value means that it is
// not set.
type Outcome string

// The outcomes.
const (
	OutcomeWritten Outcome = "written"
	OutcomeSkipped Outcome = "skipped"
	OutcomeFailed  Outcome = "failed"
)

// Manifest is one incident, as manifest.json stores it. In JSON, times are in
// RFC 3339 format and an unknown quantity is null.
type Manifest struct {
	// Schema is the version of this structure, 1 so far. It rises when the
	// meaning of a field changes, not when a field is added.
	Schema int `json:"schema"`
	// ID is the name of the incident's folder.
	ID string `json:"id"`
	// Rule is the name of the rule that opened the incident.
	Rule string `json:"rule"`
	// Trigger is what opened it: [TriggerRule], [TriggerManual],
	// [TriggerSignal] or [TriggerDeath].
	Trigger Trigger `json:"trigger"`
	// Reason says in words why it opened, such as 'unreclaimable memory 92% of
	// 512 MiB'.
	Reason string `json:"reason"`
	// Verdict says what filled the memory when it opened.
	Verdict Verdict `json:"verdict"`
	// Headline is the first line of the incident's report, which names the
	// culprit; "" until there is a report. At most 1 KiB.
	Headline string `json:"headline"`
	// Suspects are who may leak, as the report ranks them, the likeliest first, 8 at
	// most. There are none before the incident is explained, nor in a manifest that a
	// version before this field wrote.
	Suspects Suspects `json:"suspects"`
	// Opened is when the incident began, by the wall clock.
	Opened time.Time `json:"opened"`
	// Recovered is when it ended. It is nil while the incident is open, and
	// forever if the process died in it.
	Recovered *time.Time `json:"recovered"`
	// Peak is the highest value that the rule saw, in Unit; [profile.Unknown]
	// if the rule has no value.
	Peak int64 `json:"peak"`
	// Unit is the unit of Peak: [profile.UnitBytes], [profile.UnitCount],
	// [profile.UnitMilliCPU] or [profile.UnitPerSecond].
	Unit profile.Unit `json:"unit"`
	// Captures are the rounds of evidence taken, oldest first: the first and
	// the newest 63.
	Captures []CaptureRecord `json:"captures"`
	// Decisions say what the guard decided and why, including 'not captured,
	// cooling down', oldest first: the first and the newest 63.
	Decisions []Decision `json:"decisions"`
	// Readings are the last readings before the crossing, oldest first, at most
	// 64.
	Readings []Reading `json:"readings"`
	// History reaches further back, as far as it is known, with fewer points
	// the older they are, oldest first, at most 256.
	History []HistoryPoint `json:"history"`
	// Trends say how the signals moved over hours, at most 8.
	Trends []Trend `json:"trends"`
	// GoroutineSites are the waiting places of goroutines that grew most,
	// largest growth first, and then the largest of the others, at most 32
	// together.
	GoroutineSites []GoroutineSite `json:"goroutine_sites"`
	// Idle is what the process did at its quietest; nil if unknown.
	Idle *IdleUse `json:"idle,omitempty"`
	// Limits are the memory limits that were found.
	Limits []MemoryLimit `json:"limits"`
	// Build identifies the program.
	Build Build `json:"build"`
	// Process identifies the run of the program.
	Process Process `json:"process"`
	// Death says what the previous process died of, in an incident that reports
	// a death; otherwise nil. Process and Build are then those of the dead
	// process.
	Death *Death `json:"death,omitempty"`
	// Artefacts are the files of the incident except manifest.json and
	// delivery.json, in the order in which they were written.
	Artefacts []Artefact `json:"artefacts"`

	// CutShort means that there is no readable manifest, because the process
	// died before it wrote one. ID, Rule, Opened and Artefacts are then derived
	// from the folder's name and content. CutShort is not stored.
	CutShort bool `json:"-"`
	// Warnings are doubts about the incident that are not errors, such as a
	// missing artefact. Warnings are not stored.
	Warnings []string `json:"-"`
}

// CaptureRecord is one round of evidence.
type CaptureRecord struct {
	Seq   int           `json:"seq"`  // counts from 1 within the incident
	Time  time.Time     `json:"time"` // when the round began
	Steps []CaptureStep `json:"steps"`
}

// CaptureStep is one profile of a capture: what was wanted and how that ended.
type CaptureStep struct {
	Kind    profile.Kind `json:"kind"`
	File    string       `json:"file,omitempty"`   // the artefact's name; "" unless written
	Outcome Outcome      `json:"outcome"`          // [OutcomeWritten], [OutcomeSkipped] or [OutcomeFailed]
	Reason  string       `json:"reason,omitempty"` // why it was skipped or failed; of a baseline, as of when it is
	// Stale means that the profile shows an earlier state: the heap at an
	// earlier GC cycle, or goroutines as of the time in Reason, because there
	// was no headroom for a newer profile of them. A fresher heap profile, if
	// there was headroom for one, is a step of its own.
	Stale  bool  `json:"stale,omitempty"`
	TookNS int64 `json:"took_ns"` // nanoseconds of wall-clock time
}

// Decision says what the guard decided about the incident, and why.
type Decision struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"`
}

// MemoryLimit is one memory limit and where it was found.
type MemoryLimit struct {
	Source string        `json:"source"`         // such as 'cgroup v2', 'GOMEMLIMIT' or 'host'
	Path   string        `json:"path,omitempty"` // the file it was read from
	Bytes  profile.Bytes `json:"bytes"`
}

// IdleUse says what the process did at its quietest, when the incident opened
// and in calm times before. A tenth of the window was quieter.
type IdleUse struct {
	WindowNS      int64            `json:"window_ns"` // length of the window in nanoseconds
	CPU           profile.MilliCPU `json:"cpu_millis"`
	CPUBefore     profile.MilliCPU `json:"cpu_before_millis"`
	Wakeups       profile.Count    `json:"wakeups_per_second"` // goroutines that became runnable
	WakeupsBefore profile.Count    `json:"wakeups_before_per_second"`
}

// Build identifies the program; see [runtime/debug.BuildInfo]. A field is "" if
// the build does not record it.
type Build struct {
	GoVersion string `json:"go_version"` // such as 'go1.26.0'
	Path      string `json:"path"`       // of the main package
	Module    string `json:"module"`     // path of the main module
	Version   string `json:"version"`    // of the main module
	Revision  string `json:"revision"`   // in version control
	Modified  bool   `json:"modified"`   // the source differed from Revision
	OS        string `json:"os"`         // GOOS
	Arch      string `json:"arch"`       // GOARCH
}

// Process identifies the run of the program. A text is "" if unknown.
type Process struct {
	Service    string    `json:"service"`
	Version    string    `json:"version"` // of the service, as configured
	Host       string    `json:"host"`
	Pod        string    `json:"pod"`
	PID        int       `json:"pid"`
	Started    time.Time `json:"started"`
	GOMAXPROCS int       `json:"gomaxprocs"`
	// AsyncTimers means that GODEBUG=asynctimerchan=1 was in force. The runtime
	// then never collects a ticker that is not stopped, even if nobody waits
	// for it any more.
	AsyncTimers bool `json:"async_timers,omitempty"`
}

// Artefact is one file of an incident.
type Artefact struct {
	Name string `json:"name"`
	// Kind says what a pprof file shows; nil for other files.
	Kind *profile.Kind `json:"kind,omitempty"`
	// Size is in bytes.
	Size int64 `json:"size_bytes"`
	// SHA256 is the hash of the content in lower-case hexadecimal; "" if the
	// file was found on disk and nobody has hashed it.
	SHA256  string    `json:"sha256,omitempty"`
	Written time.Time `json:"written"`
}
