package guard

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/blackbox"
	"github.com/leakguard/leakguard/profile"
)

const (
	// sameDeath is how far apart the last samples may be of two guards that died
	// with one process.
	sameDeath = 10 * time.Second
	// seriesWithin is the time in which deaths are counted.
	seriesWithin = 24 * time.Hour
	// mostOpenDeaths bounds the folders of deaths that are kept open, which costs two
	// descriptors each.
	mostOpenDeaths = 4
)

// foundDeath is a death that was found: its report is written, or could not be, and
// the sinks are still to be told, as soon as it is known who leaked.
type foundDeath struct {
	manifest profile.Manifest
	folder   string // ""; nothing could be written
	// wants are the incidents that it left whose explanation is to come; until is
	// how long that is waited for.
	wants []string
	until time.Duration
}

// here is where this process runs, to compare a dead one's with.
type here struct {
	header blackbox.Header
	host   string
	kills  kills
	now    time.Time
}

// findDeaths looks for what earlier processes died of, and writes it down. incidents
// are those of the store. It returns for how long to wait before another may be known to be dead; 0:
// there is none.
func (k *keeper) findDeaths(at here, incidents []profile.Manifest, reports bool) (deaths []foundDeath, again time.Duration) {
	boxes, again, err := blackbox.Find(k.store.Dir(), at.header.Boot)
	if err != nil {
		k.log.Debug("leakguard: black boxes could not be looked for", "error", err)
		return nil, 0
	}
	var told []*blackbox.Found
	for _, box := range boxes {
		switch r := &box.Record; {
		case errors.Is(box.Err, blackbox.ErrNewer):
			k.log.Info("leakguard: the black box of a newer version was left alone", "error", box.Err)
			box.Close()
			continue
		case box.Err != nil:
			k.log.Debug("leakguard: a black box that cannot be read was removed", "error", box.Err)
		case r.Told || slices.ContainsFunc(told, func(o *blackbox.Found) bool { return oneProcess(&o.Record, r) }):
		default:
			told = append(told, box)
			m := deathManifest(box, at)
			if slices.ContainsFunc(incidents, func(i profile.Manifest) bool { return i.ID == m.ID && !i.CutShort }) {
				break // who wrote that died before it could remove the box
			}
			deaths = append(deaths, k.tellOf(box, m, incidents, reports))
		}
		if err := box.Remove(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			k.log.Debug("leakguard: a black box could not be removed; it is marked as told", "error", err)
		}
	}
	for _, f := range deaths[:max(0, len(deaths)-mostOpenDeaths)] {
		if folder := k.folders[f.manifest.ID]; folder != nil {
			delete(k.folders, f.manifest.ID)
			folder.Close()
		}
	}
	return deaths, again
}

// oneProcess reports whether two boxes are those of two guards of one process.
func oneProcess(a, b *blackbox.Record) bool {
	h, o := &a.Header, &b.Header
	return h.PID == o.PID && h.Boot == o.Boot && h.Host == o.Host && h.GroupID == o.GroupID &&
		a.Last().Sub(b.Last()).Abs() < sameDeath
}

// tellOf writes down what a process died of.
func (k *keeper) tellOf(box *blackbox.Found, m profile.Manifest, incidents []profile.Manifest, reports bool) foundDeath {
	f := foundDeath{manifest: m}
	d := f.manifest.Death
	d.Evidence, f.wants = leftBy(&box.Record, m.Process, incidents)
	for _, i := range incidents {
		if slices.Contains(d.Evidence, i.ID) && i.Trigger != profile.TriggerDeath {
			d.Culprit = headlineOf(i, k.store.Dir(), d.Culprit)
		}
	}
	if !reports {
		f.wants = nil
	}
	log, err := blackbox.Log(k.store.Dir(), blackbox.Death{ID: box.ID(), Time: m.Opened, Cause: d.Cause, Service: m.Process.Service})
	if err != nil {
		k.log.Debug("leakguard: deaths are not counted", "error", err)
	}
	d.Series = series(log, d.Cause, m.Process.Service, m.Opened)
	d.Series.Doubled = doubledBuys(m.History, d.Limit)
	f.manifest.Reason = d.Sentence()
	k.writeDeath(&f, box.Crash)
	// Now, so that a process that dies at this point is not followed by one that
	// tells of it again: the report is there, and is offered to the sinks.
	if err := box.Tell(); err != nil {
		k.log.Debug("leakguard: a black box could not be marked as told", "error", err)
	}
	report := "none"
	if f.folder != "" {
		report = filepath.Join(f.folder, profile.ReportText)
	}
	k.log.Warn("leakguard: "+d.Headline(), "incident", m.ID, "report", report)
	return f
}

// headlineOf is what an incident's report says first, else what is given.
func headlineOf(m profile.Manifest, dir, otherwise string) string {
	if m.Headline != "" {
		return m.Headline
	}
	if h := profile.FolderHeadline(filepath.Join(dir, m.ID)); h != "" {
		return h
	}
	return otherwise
}

// writeDeath keeps a death's incident, with its report.
func (k *keeper) writeDeath(f *foundDeath, trace string) {
	f.manifest.Headline = f.manifest.Death.Headline()
	folder, err := k.folders[f.manifest.ID], error(nil)
	if folder == nil {
		if folder, err = k.store.CreateID(f.manifest.ID); errors.Is(err, fs.ErrExist) {
			folder, err = k.store.Reopen(f.manifest.ID) // cut short
		}
	}
	if err == nil {
		// It stays open, like that of any incident of ours: else another process
		// that starts would take it for a dead one's, and offer it to the sinks.
		k.folders[f.manifest.ID] = folder
		f.folder = folder.Path()
		if trace != "" {
			_, terr := folder.Write(profile.CrashText, func(w io.Writer) error {
				_, err := io.WriteString(w, trace)
				return err
			})
			err = errors.Join(err, terr)
		}
		// The manifest first: with it the death is on record.
		err = errors.Join(err, folder.WriteManifest(f.manifest))
		f.manifest.Artefacts = folder.Artefacts()
		report := profile.Explain(profile.Evidence{Manifest: f.manifest, Folder: f.folder})
		err = errors.Join(err, folder.WriteReport(report), folder.WriteManifest(f.manifest))
		f.manifest.Artefacts = folder.Artefacts()
		k.folderMade(f.manifest.ID)
	}
	if err != nil && k.once.first("death") {
		k.log.Warn("leakguard: the report of a death could not be kept; the log and the sinks are told all the same", "incident", f.manifest.ID, "error", err)
	}
	if _, err := k.store.Prune(time.Now(), f.manifest.ID); err != nil {
		k.log.Debug("leakguard: old evidence could not be removed", "error", err)
	}
}

// deathManifest makes the incident of a death out of the box. It computes only.
func deathManifest(box *blackbox.Found, at here) (m profile.Manifest) {
	r := &box.Record
	h := &r.Header
	readings, before := readingsOf(h.Columns, r.Recent)
	minutes, _ := readingsOf(h.Columns, r.Minutes)
	var about boxAbout
	_ = json.Unmarshal(h.About, &about) // of another version: what is understood
	died := r.Last()
	if died.IsZero() {
		died = h.Started
	}
	id := profile.NewIncidentID(died, profile.RulePreviousDeath)
	if own := box.ID(); len(own) > 4 {
		id = id[:len(id)-4] + own[len(own)-4:] // a death has one ID, whoever tells of it
	}
	m = profile.Manifest{
		ID: id, Rule: profile.RulePreviousDeath, Trigger: profile.TriggerDeath, Opened: died,
		Peak: profile.Unknown, Unit: profile.UnitBytes,
		History: deathHistory(minutes, readings), Limits: about.Limits, Build: about.Build, Process: about.Process,
	}
	for _, n := range r.Notes {
		m.Decisions = append(m.Decisions, profile.Decision{Time: n.Time, Text: n.Text})
	}
	m.Readings = readings[max(0, len(readings)-readingsBefore):]
	for _, r := range readings {
		m.Peak = max(m.Peak, int64(r.Unreclaimable))
	}
	d := &profile.Death{
		LastSample: died, Found: at.now, Lived: max(died.Sub(h.Started), 0),
		Memory: profile.Unknown, Limit: profile.Unknown, Panic: panicLine(box.Crash),
	}
	if n := len(readings); n > 0 {
		d.Memory, d.Limit = readings[n-1].Unreclaimable, readings[n-1].Limit
	}
	d.Rate, d.Every = lastRate(readings)
	sameBoot := h.Boot != "" && h.Boot == at.header.Boot
	f := deathFacts{
		panicked: box.Crash != "",
		sameBoot: sameBoot, otherBoot: h.Boot != "" && at.header.Boot != "" && !sameBoot,
		elsewhere: h.Host != at.host,
		sameGroup: h.GroupID != "" && h.GroupID == at.header.GroupID && h.Group == at.header.Group,
		before:    before, now: at.kills,
		near: nearLimit(d.Memory, d.Limit, d.Rate, d.Every),
	}
	d.Cause, d.Certain, d.Why = judgeDeath(f)
	if f.elsewhere {
		d.Elsewhere = h.Host
	}
	m.Death = d
	return m
}

// readingsOf turns samples into readings, by the names of their columns; what is not
// among them is unknown. The kills are those of the last.
func readingsOf(columns []string, samples []blackbox.Sample) (list []profile.Reading, last kills) {
	last = kills{profile.Unknown, profile.Unknown}
	fields := make([]func(*profile.Reading) *int64, len(columns))
	for i, name := range columns {
		for _, c := range boxColumns {
			if c.name == name {
				fields[i] = c.field
			}
		}
	}
	for _, s := range samples {
		r := profile.NewReading(s.Time)
		for i, v := range s.Values {
			v = max(v, profile.Unknown)
			switch {
			case fields[i] != nil:
				*fields[i](&r) = v
			case columns[i] == columnGroupKills:
				last.group = v
			case columns[i] == columnHostKills:
				last.host = v
			}
		}
		if r.CgroupUsage.Known() && r.CgroupInactiveFile.Known() {
			r.CgroupWorkingSet = max(r.CgroupUsage-r.CgroupInactiveFile, 0)
		}
		list = append(list, r)
	}
	return list, last
}

// deathHistory is the picture of a life: a point a minute, and at the end as many
// as there is room for.
func deathHistory(minutes, recent []profile.Reading) (points []profile.HistoryPoint) {
	add := func(r *profile.Reading) {
		points = append(points, profile.HistoryPoint{Time: r.Time, Memory: r.Unreclaimable, LiveHeap: r.HeapLive, Goroutines: r.Goroutines})
	}
	for i := range minutes {
		if len(recent) == 0 || minutes[i].Time.Before(recent[0].Time) {
			add(&minutes[i])
		}
	}
	room := max(historyPoints-len(points), historyPoints/2)
	step := (len(recent) + room - 1) / room
	for i := range recent {
		if step <= 1 || (len(recent)-1-i)%step == 0 { // the last is always there
			add(&recent[i])
		}
	}
	return points[max(0, len(points)-historyPoints):]
}

// leftBy returns the IDs of the incidents that a dead process left, oldest first,
// and those of them that have profiles and no report yet. An incident without a
// manifest is its own if the box says so.
func leftBy(r *blackbox.Record, p profile.Process, incidents []profile.Manifest) (ids, unexplained []string) {
	noted := make(map[string]bool)
	for _, n := range r.Notes {
		id, _, _ := strings.Cut(n.Text, " ")
		noted[id] = true
	}
	for _, m := range incidents {
		same := m.Process.PID == p.PID && m.Process.Host == p.Host && m.Process.Started.Equal(p.Started) && !p.Started.IsZero()
		if m.Trigger == profile.TriggerDeath || !same && !noted[m.ID] {
			continue
		}
		ids = append(ids, m.ID)
		if _, wanting := predictExplanation(m.Artefacts); wanting {
			unexplained = append(unexplained, m.ID)
		}
	}
	return ids, unexplained
}

// series counts the deaths of a service of one cause up to that one.
func series(log []blackbox.Death, cause, service string, at time.Time) (s profile.Series) {
	s.Within = seriesWithin
	var first time.Time
	for _, d := range log {
		if d.Cause != cause || d.Service != service || d.Time.After(at) || at.Sub(d.Time) > seriesWithin {
			continue
		}
		if s.Count++; s.Count == 1 {
			first = d.Time
		}
	}
	if s.Count > 1 {
		s.Every = at.Sub(first) / time.Duration(s.Count-1)
	}
	return s
}

// hereNow says where this process runs.
func (l *loop) hereNow() here {
	at := here{header: boxHeader(l.source.root, l.source), host: l.process.Host, kills: l.source.readKills(), now: time.Now()}
	at.host = at.host[:min(len(at.host), mostNameInBox)]
	return at
}

// lookForDeaths has the keeper look for the dead; at is where we are.
func (l *loop) lookForDeaths(at here, incidents []profile.Manifest) {
	deaths, again := l.keeper.findDeaths(at, incidents, !l.cfg.NoReports)
	if len(deaths) > 0 || again > 0 {
		l.post(func() { l.deathsFound(deathsFound{deaths, again}) })
	}
}

// deaths are those that the sinks are still to be told of.
type deaths struct {
	untold     []foundDeath
	nextDeaths time.Duration // when to look for the dead again; 0: no more
	reviewed   bool          // they have been looked for again
}

// deathsFound is what a look for the dead gave.
type deathsFound struct {
	list  []foundDeath
	again time.Duration
}

// longestWait is how long the sinks are not told of a death while its evidence is
// being explained.
const longestWait = 30 * time.Second

func (l *loop) deathsFound(found deathsFound) {
	for _, d := range found.list {
		d.until = l.view.at + longestWait
		l.untold = append(l.untold, d)
	}
	// Once: whoever still writes by then lives, and its own successor sees to it.
	if found.again > 0 && !l.reviewed {
		l.nextDeaths = l.view.at + found.again
	}
}

// tellDeaths tells the sinks of the deaths for which nothing is waited any more, and
// has the dead looked for again where it was too early to tell.
func (l *loop) tellDeaths() {
	if l.nextDeaths > 0 && l.view.at >= l.nextDeaths {
		l.nextDeaths, l.reviewed = 0, true
		at := l.hereNow()
		l.keeper.do(func() {
			incidents, err := l.keeper.store.Incidents()
			if err != nil {
				l.log.Debug("leakguard: what dead processes left could not be listed", "error", err)
			}
			l.lookForDeaths(at, incidents)
		})
	}
	l.untold = slices.DeleteFunc(l.untold, func(f foundDeath) bool {
		if len(f.wants) > 0 && l.view.at < f.until {
			return false
		}
		l.tellDeath(f)
		return true
	})
}

func (l *loop) tellDeath(f foundDeath) {
	if f.folder != "" && f.manifest.Headline != f.manifest.Death.Headline() {
		if l.keeper.do(func() {
			l.keeper.writeDeath(&f, "")
			l.sendDeath(f)
		}) {
			return
		}
	}
	l.sendDeath(f)
}

func (l *loop) sendDeath(f foundDeath) {
	l.sinks.send(Event{Kind: PreviousDeath, Incident: incidentOf(f.manifest, f.folder), Time: f.manifest.Opened, Reason: f.manifest.Reason})
}

// explainedFor notes that an incident of an earlier process is explained, or never
// will be: then the headline is "".
func (l *loop) explainedFor(id, headline string) {
	for i := range l.untold {
		f := &l.untold[i]
		if n := slices.Index(f.wants, id); n >= 0 {
			f.wants = slices.Delete(f.wants, n, n+1)
			if headline != "" {
				d := *f.manifest.Death // its manifest may be being written
				d.Culprit = headline
				f.manifest.Death = &d
			}
		}
	}
}
