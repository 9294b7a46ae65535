package guard

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/leakguard/leakguard/guard/internal/postmortem"
	"github.com/leakguard/leakguard/internal/blackbox"
	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/profile/incident"
	"github.com/leakguard/leakguard/profile/report"
)

const (
	// mostTold is how many deaths, the newest, one look reports. The others are
	// counted. The folder of each stays open, which takes two descriptors.
	mostTold = 4
	// mostCounted is the most deaths that one look counts.
	mostCounted = 1000
)

// foundDeath is a death that was found, after an attempt to write its report. The event
// is sent when the evidence has been explained.
type foundDeath struct {
	manifest incident.Manifest
	folder   string // "": nothing could be written
	// wants are the dead process's incidents that have no report yet. The event waits
	// for them until the time until.
	wants []string
	until time.Duration
}

// coroner finds out how earlier processes died and writes the reports. It runs on the
// keeper's goroutine and stops between two boxes when the guard is closed.
type coroner struct {
	*keeper
	ctx       context.Context
	at        postmortem.Here
	incidents []incident.Manifest // those of the store
	reports   bool
	most      int // deaths to report

	seen []seenDeath
}

// seenDeath is a death that this look has found, with the time of its last sign of life.
type seenDeath struct {
	header blackbox.Header
	last   time.Time
}

// look reports the newest deaths, oldest first, and counts the others. again is the time
// until another process may turn out to be dead; 0: never.
func (c *coroner) look() (deaths []foundDeath, again time.Duration) {
	look, err := blackbox.NewLook(c.store.Dir(), c.at.Header.Boot)
	if err != nil {
		c.log.Debug("leakguard: the search for black boxes failed", "error", err)
		return nil, 0
	}
	defer look.Close()
	var boxes []*blackbox.Found
	for len(boxes) < c.most {
		box := c.next(look, true)
		if box == nil {
			break
		}
		boxes = append(boxes, box)
	}
	slices.Reverse(boxes)
	deaths = c.tell(boxes)
	// The newest deaths are on disk before the others are counted, in case this process
	// is short-lived as well.
	if untold := c.count(look); untold > 0 && len(deaths) > 0 {
		newest := &deaths[len(deaths)-1]
		newest.manifest.Death.Untold = untold
		newest.manifest.Reason = newest.manifest.Death.Sentence()
		c.writeDeath(newest, "")
		c.log.Warn("leakguard: more processes died than are reported", "unreported", untold, "incident", newest.manifest.ID)
	}
	if len(deaths) > 0 {
		if _, err := c.store.Prune(time.Now()); err != nil { // enforce the bounds of bytes and of deaths
			c.log.Debug("leakguard: old evidence could not be removed", "error", err)
		}
	}
	return deaths, look.Again
}

// next returns the next box of a death that has not been reported, or nil. It removes
// other boxes. load says that the box is to be read in full.
func (c *coroner) next(look *blackbox.Look, load bool) *blackbox.Found {
	for c.ctx.Err() == nil {
		box := look.Next()
		if box == nil {
			return nil
		}
		if errors.Is(box.Err, blackbox.ErrNewer) {
			c.log.Info("leakguard: a black box written by a newer version was skipped", "error", box.Err)
			box.Close()
			continue
		}
		last := box.Modified
		if box.Err == nil && !box.Record.Told && load {
			if box.Err = box.Load(); box.Err == nil {
				last = box.Record.Last()
			}
		}
		switch {
		case box.Err != nil:
			c.log.Debug("leakguard: a black box could not be read; it was removed", "error", box.Err)
		case box.Record.Told || c.saw(&box.Record.Header, last):
		default:
			c.seen = append(c.seen, seenDeath{box.Record.Header, last})
			return box
		}
		c.remove(box)
	}
	return nil
}

// saw reports whether another guard of the same process has left a box as well.
func (c *coroner) saw(h *blackbox.Header, last time.Time) bool {
	return slices.ContainsFunc(c.seen, func(s seenDeath) bool { return postmortem.Same(&s.header, h, s.last, last) })
}

func (c *coroner) remove(box *blackbox.Found) {
	if err := box.Remove(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.log.Debug("leakguard: a black box could not be removed", "error", err)
	}
}

// count counts the remaining deaths and removes their boxes.
func (c *coroner) count(look *blackbox.Look) (n int) {
	for n < mostCounted {
		box := c.next(look, false)
		if box == nil {
			break
		}
		n++
		c.remove(box)
	}
	return n
}

// tell reports the deaths of boxes, which are sorted from oldest to newest.
func (c *coroner) tell(boxes []*blackbox.Found) (deaths []foundDeath) {
	for _, box := range boxes {
		if c.ctx.Err() != nil {
			box.Close() // the next Start reports it
			continue
		}
		m := postmortem.Manifest(&box.Record, box.ID(), box.Crash, c.at)
		// If the incident exists, its writer died before it could remove the box.
		if !slices.ContainsFunc(c.incidents, func(i incident.Manifest) bool { return i.ID == m.ID && !i.CutShort }) {
			deaths = append(deaths, c.tellOf(box, m))
		}
		c.remove(box)
	}
	for len(c.told) > c.most {
		if folder := c.folders[c.told[0]]; folder != nil {
			delete(c.folders, c.told[0])
			folder.Close()
		}
		c.told = c.told[1:]
	}
	return deaths
}

// tellOf reports one death.
func (c *coroner) tellOf(box *blackbox.Found, m incident.Manifest) foundDeath {
	f := foundDeath{manifest: m}
	d := f.manifest.Death
	for _, i := range postmortem.Left(&box.Record, m.Process, c.incidents) {
		d.Incidents = append(d.Incidents, i.ID)
		if i.Headline != "" {
			d.Culprit, f.manifest.Suspects = i.Headline, i.Suspects
		}
		if _, wanting := predictExplanation(i.Artefacts); wanting && c.reports {
			f.wants = append(f.wants, i.ID)
		}
	}
	log, err := blackbox.Log(c.store.Dir(), blackbox.Death{ID: box.ID(), Time: m.Opened, Cause: string(d.Cause), Service: m.Process.Service})
	if err != nil {
		c.log.Debug("leakguard: the log of deaths could not be written", "error", err)
	}
	d.Series = postmortem.Series(log, string(d.Cause), m.Process.Service, m.Opened)
	d.Series.Doubled = postmortem.DoubledBuys(m.History, d.Limit)
	f.manifest.Reason = d.Sentence()
	c.writeDeath(&f, box.Crash)
	// Mark it now that the report exists. If this process dies here, the next one offers
	// the report to the sinks and does not write another.
	if err := box.Tell(); err != nil {
		c.log.Debug("leakguard: a black box could not be marked as reported", "error", err)
	}
	report := "none"
	if f.folder != "" {
		report = filepath.Join(f.folder, incident.ReportText)
	}
	c.log.Warn("leakguard: "+d.Headline(), "incident", m.ID, "report", report)
	return f
}

// writeDeath writes a death's incident, with its report.
func (k *keeper) writeDeath(f *foundDeath, trace string) {
	f.manifest.Headline = f.manifest.Death.Headline()
	folder, err := k.deathFolder(f.manifest.ID)
	if err == nil {
		f.folder = folder.Path()
		if trace != "" {
			_, terr := folder.Write(incident.CrashText, func(w io.Writer) error {
				_, err := io.WriteString(w, trace)
				return err
			})
			err = errors.Join(err, terr)
		}
		// Write the manifest first: it records the death.
		err = errors.Join(err, folder.WriteManifest(f.manifest))
		f.manifest.Artefacts = folder.Artefacts()
		report := report.Explain(report.Input{Manifest: f.manifest, Folder: f.folder})
		err = errors.Join(err, writeReport(folder, report), folder.WriteManifest(f.manifest))
		f.manifest.Artefacts = folder.Artefacts()
	}
	if err != nil && k.once.first("death") {
		k.log.Warn("leakguard: the report of a death could not be written; it is still logged and sent to the sinks", "incident", f.manifest.ID, "error", err)
	}
}

// deathFolder returns the folder of a death's incident. It stays open, like those of
// other incidents of this process. Otherwise another process that starts would take it
// for a dead process's folder and offer its events to the sinks.
func (k *keeper) deathFolder(id string) (*store.Folder, error) {
	if folder := k.folders[id]; folder != nil {
		return folder, nil
	}
	// Make room first, so that KeepIncidents holds at every moment.
	if _, err := k.store.MakeRoom(time.Now()); err != nil {
		k.log.Debug("leakguard: old evidence could not be removed", "error", err)
	}
	folder, err := k.store.CreateID(id)
	if errors.Is(err, fs.ErrExist) {
		folder, err = k.store.Reopen(id) // an earlier attempt was cut short
	}
	if err != nil {
		return nil, err
	}
	k.folders[id] = folder
	k.told = append(k.told, id)
	return folder, nil
}
