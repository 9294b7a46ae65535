package guardhttp

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// state is the state of the guard in the API. Each field is a section, which is sent to
// live pages when it has changed. Unknown values are null.
type state struct {
	Time      time.Time                `json:"time"`
	Status    status                   `json:"status"`
	Process   *processState            `json:"process"`  // null: there is no guard
	Memory    *memoryState             `json:"memory"`   // likewise
	Division  *divisionState           `json:"division"` // null: unknown
	Pressure  *pressureState           `json:"pressure"`
	Reading   *incident.Reading        `json:"reading"` // the last; null before the first
	Rules     []ruleState              `json:"rules"`
	Incidents []entry                  `json:"incidents"` // newest first
	Trends    []incident.Trend         `json:"trends"`
	Sites     []incident.GoroutineSite `json:"goroutine_sites"`
	Census    *censusState             `json:"census"`
	Counters  counters                 `json:"counters"`
}

type processState struct {
	Service string    `json:"service"`
	Version string    `json:"version"`
	Host    string    `json:"host"`
	Pod     string    `json:"pod"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
}

// memoryState is the memory and its limits.
type memoryState struct {
	Bytes       profile.Bytes `json:"unreclaimable_bytes"`
	Limit       profile.Bytes `json:"limit_bytes"`
	LimitSource string        `json:"limit_source"`
	GOMEMLIMIT  profile.Bytes `json:"gomemlimit_bytes"`
	// Rate is the rate of change over the last ten seconds, in bytes per second.
	Rate float64 `json:"rate_bytes_per_second"`
	// Left is the number of seconds until the limit is reached at this rate. Null if
	// memory does not grow or that takes more than a day.
	Left *float64 `json:"seconds_to_limit"`
}

// divisionState is what fills the memory; see [incident.Division].
type divisionState struct {
	Total   profile.Bytes    `json:"total_bytes"`
	Cgroup  bool             `json:"cgroup"` // true: the whole cgroup; false: this process
	Parts   []partState      `json:"parts"`
	Verdict incident.Verdict `json:"verdict"`
}

type partState struct {
	Name        string        `json:"name"`
	Bytes       profile.Bytes `json:"bytes"`
	Reclaimable bool          `json:"reclaimable"`
}

// pressureState is the state of memory pressure; see [guard.Pressure].
type pressureState struct {
	Under    bool   `json:"under"`
	Reason   string `json:"reason"` // of the current episode, else of the last one
	Episodes int64  `json:"episodes"`
	Decision string `json:"decision"`
}

type ruleState struct {
	Name string       `json:"name"`
	Text string       `json:"text"` // such as 'memory at 90% of the limit'
	Unit profile.Unit `json:"unit"` // of the values: 'bytes', 'count', 'millicpu' or 'per_second'
	Open bool         `json:"open"`
	// Value is the signal's value, Line the level of the rule's line.
	Value    *int64 `json:"value"`
	Line     *int64 `json:"line"`
	Peak     *int64 `json:"peak"`
	Signal   string `json:"signal"`
	Decision string `json:"decision"`
	Ago      int64  `json:"decided_seconds_ago"`
}

type censusState struct {
	Ago     *int64 `json:"seconds_ago"` // null before the first
	Every   int64  `json:"every_seconds"`
	Skipped string `json:"skipped"` // why the last one was skipped
}

type counters struct {
	Readings       int64 `json:"readings"`
	Incidents      int64 `json:"incidents"`
	Captures       int64 `json:"captures"`
	FailedCaptures int64 `json:"failed_captures"`
	Baselines      int64 `json:"baselines"`
	Reports        int64 `json:"reports"`
	FailedReports  int64 `json:"failed_reports"`
	Delivered      int64 `json:"delivered_events"`
	Dropped        int64 `json:"dropped_events"`
	DroppedLines   int64 `json:"dropped_log_lines"`
	SinkFailures   int64 `json:"sink_failures"`
	Panics         int64 `json:"panics"`
}

// freshFor is how long a state is reused, so that at most four are made per second.
const freshFor = 250 * time.Millisecond

// states makes and caches the state.
type states struct {
	g     watched
	there bool

	mu        sync.Mutex
	last      *state // shared; must not be modified
	at        time.Time
	incidents incidentList
}

// now returns the present state.
func (s *states) now() *state {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.last == nil || now.Sub(s.at) >= freshFor {
		snapshot := s.g.Snapshot()
		incidents := s.incidents.list(&snapshot, now)
		rate := rateOf(s.g.History(now.Add(-rateOver)))
		s.last, s.at = newState(s.there, &snapshot, rate, incidents, now), now
	}
	return s.last
}

// newState converts a snapshot to the API's form.
func newState(there bool, s *guard.Snapshot, rate float64, incidents []entry, now time.Time) *state {
	out := &state{
		Time: now.UTC(), Status: judge(there, s, rate, incidents, now),
		Rules: []ruleState{}, Incidents: incidents, Trends: s.Trends, Sites: s.GoroutineSites,
	}
	if out.Incidents == nil {
		out.Incidents = []entry{}
	}
	if out.Trends == nil {
		out.Trends = []incident.Trend{}
	}
	if out.Sites == nil {
		out.Sites = []incident.GoroutineSite{}
	}
	if !there {
		return out
	}
	p := s.Process
	out.Process = &processState{p.Service, p.Version, p.Host, p.Pod, p.PID, p.Started.UTC()}
	if !s.Reading.Time.IsZero() {
		out.Reading = &s.Reading
	}
	out.Memory = &memoryState{
		Bytes: s.Reading.Unreclaimable, Limit: profile.Bytes(s.Limits.Kill), LimitSource: s.Limits.KillSource,
		GOMEMLIMIT: profile.Bytes(s.Limits.GOMEMLIMIT), Rate: rate,
	}
	if s.Limits.Kill <= 0 {
		out.Memory.Limit = profile.Unknown
	}
	if d := s.Reading.Division(); d.Total.Known() && out.Reading != nil {
		out.Division = &divisionState{Total: d.Total, Cgroup: d.Cgroup, Verdict: s.Verdict}
		for _, p := range d.Parts() {
			out.Division.Parts = append(out.Division.Parts, partState(p))
		}
	}
	out.Pressure = &pressureState{Under: s.Pressure.Under, Reason: s.Pressure.Last.Reason, Episodes: s.Pressure.Episodes, Decision: s.Pressure.Decision}
	if left, ok := timeLeft(s, rate); ok {
		seconds := left.Seconds()
		out.Memory.Left = &seconds
	}
	for _, r := range s.Rules {
		out.Rules = append(out.Rules, newRuleState(&r))
	}
	out.Census = &censusState{Every: int64(s.Census.Every.Seconds()), Skipped: s.Census.Skipped}
	if s.Census.Ago >= 0 {
		ago := int64(s.Census.Ago.Seconds())
		out.Census.Ago = &ago
	}
	c := s.Counters
	out.Counters = counters{
		Readings: c.Readings, Incidents: c.Incidents, Captures: c.Captures, FailedCaptures: c.FailedCaptures,
		Baselines: c.Baselines, Reports: c.Explained, FailedReports: c.FailedReports,
		Delivered: c.Delivered, Dropped: c.DroppedEvents, DroppedLines: c.DroppedLogLines, SinkFailures: c.SinkFailures, Panics: c.Panics,
	}
	return out
}

// rateOver is the span of the rate on the page. The guard's own rate is over 50 ms and
// changes too fast to read.
const rateOver = 10 * time.Second

// rateOf returns the rate of change of memory over the readings, in bytes per second.
func rateOf(readings []incident.Reading) float64 {
	if len(readings) < 2 {
		return 0
	}
	first, last := &readings[0], &readings[len(readings)-1]
	seconds := last.Time.Sub(first.Time).Seconds()
	if !first.Unreclaimable.Known() || !last.Unreclaimable.Known() || seconds < 0.5 {
		return 0
	}
	return float64(last.Unreclaimable-first.Unreclaimable) / seconds
}

// timeLeft returns the time until memory reaches its limit at its present rate.
func timeLeft(s *guard.Snapshot, rate float64) (left time.Duration, ok bool) {
	room := s.Limits.Kill - int64(s.Reading.Unreclaimable)
	if s.Limits.Kill <= 0 || s.Reading.Unreclaimable < 0 || rate <= 0 {
		return 0, false
	}
	seconds := float64(max(room, 0)) / rate
	if seconds > 24*3600 {
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)), true
}

func newRuleState(r *guard.RuleState) ruleState {
	_, text, _ := strings.Cut(r.Rule.String(), ": ")
	return ruleState{
		Name: r.Rule.Name, Text: text, Signal: r.Rule.Signal.String(), Unit: r.Rule.Signal.Unit(), Open: r.Open,
		Value: known(r.Value), Line: known(r.Level), Peak: known(r.Peak),
		Decision: r.Decision, Ago: int64(r.DecidedAgo.Seconds()),
	}
}

// known returns a pointer to n, or nil if n is unknown.
func known(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

func (h *handler) state(w http.ResponseWriter, _ *http.Request) { writeJSON(w, h.states.now()) }

func (h *handler) listIncidents(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, struct {
		Incidents []entry `json:"incidents"`
	}{h.states.now().Incidents})
}

func writeJSON(w http.ResponseWriter, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "guardhttp: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// An error means that the client has disconnected.
	_, _ = w.Write(append(data, '\n'))
}
