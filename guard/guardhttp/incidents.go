package guardhttp

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile/incident"
	"github.com/leakguard/leakguard/profile/report"
)

// entry is one incident in a list.
type entry struct {
	ID       string           `json:"id"`
	Rule     string           `json:"rule"`
	Trigger  incident.Trigger `json:"trigger"`
	Reason   string           `json:"reason"`
	Headline string           `json:"headline"` // the first line of the report; "" until there is one
	Opened   time.Time        `json:"opened"`
	Ended    *time.Time       `json:"recovered"` // null while it is open, or if the process died meanwhile
	// Open says that the incident is open in this process.
	Open bool `json:"open"`
	// Ours says that the incident belongs to this process.
	Ours  bool  `json:"this_process"`
	PID   int   `json:"pid"` // 0: unknown
	Bytes int64 `json:"size_bytes"`
	Files int   `json:"files"`
	// Report says that there is a report.html, and Kept that there is a folder.
	Report bool `json:"report"`
	Kept   bool `json:"kept"`
	// NotCaptured says why there is no evidence of its own. Evidence is the ID of the
	// incident whose evidence covers this one.
	NotCaptured string `json:"not_captured"`
	Evidence    string `json:"evidence"`
}

// mostIncidents is the most incidents in the list. It has the newest.
const mostIncidents = 64

// incidentList caches the stored incidents. Reading a manifest takes a millisecond and
// some 100 KB, so each is read again only while it may change.
type incidentList struct {
	store *incident.Store // nil: no disk

	known    map[string]*listed
	counters guard.Counters
	looked   time.Time
	all      []entry // the stored incidents, newest first
}

type listed struct {
	entry
	read time.Time
}

const (
	// lookEvery is how often the folder is read even if the guard's counters have not
	// changed, because other processes may share it.
	lookEvery = 15 * time.Second
	// settled is the age at which another process's open incident is taken for one
	// whose process has died.
	settled = 10 * time.Minute
)

// list returns the open and the stored incidents, newest first.
func (l *incidentList) list(s *guard.Snapshot, now time.Time) []entry {
	changed := l.counters.Incidents != s.Counters.Incidents || l.counters.Captures != s.Counters.Captures ||
		l.counters.FailedCaptures != s.Counters.FailedCaptures || l.counters.Explained != s.Counters.Explained
	if l.store != nil && (changed || now.Sub(l.looked) >= lookEvery) {
		l.look(s, now)
	}
	out := slices.Clone(l.all)
	for i := range out {
		out[i].Open = false
	}
	for i := range s.Incidents {
		live := &s.Incidents[i]
		at := slices.IndexFunc(out, func(i entry) bool { return i.ID == live.ID })
		if at < 0 {
			out = append(out, entry{ID: live.ID, Rule: live.Rule, Trigger: live.Trigger, Opened: live.Opened.UTC(), Reason: live.Reason, PID: s.Process.PID, Kept: live.Folder != "", Files: len(live.Artefacts)})
			at = len(out) - 1
		}
		i := &out[at]
		i.Open, i.Ours, i.Ended = true, true, nil
		i.NotCaptured, i.Evidence = live.NotCaptured, live.EvidenceIn
		if live.Headline != "" {
			i.Headline = live.Headline
		}
	}
	slices.SortFunc(out, func(a, b entry) int { return strings.Compare(b.ID, a.ID) })
	return out[:min(len(out), mostIncidents)]
}

// look reads the manifests that may have changed.
func (l *incidentList) look(s *guard.Snapshot, now time.Time) {
	l.counters, l.looked = s.Counters, now
	names, err := os.ReadDir(l.store.Dir())
	if err != nil {
		return // keep the old list; the store creates the folder again
	}
	ids := make([]string, 0, mostIncidents)
	for i := len(names) - 1; i >= 0 && len(ids) < mostIncidents; i-- {
		if incident.IsID(names[i].Name()) {
			ids = append(ids, names[i].Name())
		}
	}
	was := l.known
	l.known, l.all = make(map[string]*listed, len(ids)), nil
	for _, id := range ids {
		k := was[id]
		if k == nil || !k.final() {
			m, err := l.store.Incident(id)
			if err != nil {
				continue
			}
			k = &listed{newIncident(&m, s), now}
		}
		l.known[id] = k
		l.all = append(l.all, k.entry)
	}
}

// final reports whether an incident will no longer change.
func (l *listed) final() bool {
	old := l.read.Sub(l.Opened) > settled
	return l.Ended != nil && l.Headline != "" || !l.Ours && old
}

func newIncident(m *incident.Manifest, s *guard.Snapshot) entry {
	i := entry{
		ID: m.ID, Rule: m.Rule, Trigger: m.Trigger, Reason: m.Reason, Headline: m.Headline, Opened: m.Opened.UTC(), Ended: m.Recovered,
		PID: m.Process.PID, Files: len(m.Artefacts), Kept: true,
		Ours: m.Process.PID == s.Process.PID && m.Process.Host == s.Process.Host && m.Process.Started.Equal(s.Process.Started),
	}
	for _, a := range m.Artefacts {
		i.Bytes += a.Size
		i.Report = i.Report || a.Name == incident.ReportHTML
	}
	return i
}

// incidentDetail is one incident in full.
type incidentDetail struct {
	Manifest incident.Manifest `json:"manifest"`
	CutShort bool              `json:"cut_short"` // there is no manifest.json; the manifest is derived from the folder
	Warnings []string          `json:"warnings"`
	Folder   string            `json:"folder"`
	// Commands are to be run on the host. Flames are the available flame graphs.
	Commands []command     `json:"commands"`
	Flames   []flameChoice `json:"flames"`
}

type command struct {
	Purpose string `json:"purpose"`
	Line    string `json:"line"`
}

func (h *handler) incident(w http.ResponseWriter, _ *http.Request, id string) {
	m, ok := h.manifest(w, id)
	if !ok {
		return
	}
	d := incidentDetail{Manifest: m, CutShort: m.CutShort, Warnings: m.Warnings, Commands: []command{}, Flames: flameChoices(m.Artefacts)}
	d.Folder = filepath.Join(h.g.Store().Dir(), id)
	if d.Warnings == nil {
		d.Warnings = []string{}
	}
	for _, c := range report.Commands(m, d.Folder) {
		d.Commands = append(d.Commands, command(c))
	}
	writeJSON(w, d)
}

// manifest reads an incident's manifest. If that fails, it answers with an error.
func (h *handler) manifest(w http.ResponseWriter, id string) (m incident.Manifest, ok bool) {
	store := h.g.Store()
	if store == nil {
		http.Error(w, "guardhttp: the guard runs without a disk, so no incidents are stored", http.StatusNotFound)
		return m, false
	}
	m, err := store.Incident(id)
	if err != nil {
		notThere(w, fmt.Sprintf("incident %s", id), err)
		return m, false
	}
	return m, true
}

// notThere answers that something could not be opened. It leaves out the text of err,
// which contains paths of the host.
func notThere(w http.ResponseWriter, what string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		http.Error(w, "guardhttp: "+what+" does not exist or has been removed", http.StatusNotFound)
		return
	}
	http.Error(w, "guardhttp: "+what+" cannot be read", http.StatusInternalServerError)
}
