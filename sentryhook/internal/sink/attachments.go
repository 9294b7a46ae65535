package sink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
	"github.com/leakguard/leakguard/sentryhook/internal/envelope"
	"github.com/leakguard/leakguard/sentryhook/internal/link"
)

// plan says which files of an incident are attached, in this order, and which are not.
type plan struct {
	manifest incident.Manifest // zero if it cannot be read
	send     []incident.Artefact
	leave    []leftOut
}

// leftOut is a file that is not attached, and why.
type leftOut struct {
	incident.Artefact
	why string
}

// evidenceBudget bounds what is attached to an incident.
type evidenceBudget struct {
	each, all int64 // bytes
	number    int
	labels    bool // files with labels may be sent
}

// plan chooses what to attach from an incident's folder.
func (s *Sink) plan(inc *record, i guard.Incident) (p plan) {
	if i.Folder == "" {
		return plan{}
	}
	// An event without it says less, but is still worth sending.
	p.manifest, _ = incident.ReadFolder(i.Folder)
	if len(i.Artefacts) == 0 {
		return p
	}
	files := slices.Clone(i.Artefacts)
	for _, name := range []string{incident.ReportText, incident.ReportHTML} {
		listed := slices.ContainsFunc(files, func(a incident.Artefact) bool { return a.Name == name })
		if info, err := os.Stat(filepath.Join(i.Folder, name)); err == nil && !listed {
			files = append(files, incident.Artefact{Name: name, Size: info.Size()})
		}
	}
	p.send, p.leave = choose(files, inc.attached, evidenceBudget{
		each: s.cfg.MaxAttachment, all: s.cfg.MaxAttachments - inc.bytes,
		number: envelope.MostAttachments - len(inc.attached), labels: !s.cfg.StripLabels,
	})
	return p
}

// choose takes the files in the order of their worth while the budget lasts, each whole
// or not at all.
func choose(files []incident.Artefact, attached map[string]bool, b evidenceBudget) (send []incident.Artefact, leave []leftOut) {
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b incident.Artefact) int { return cmp.Compare(worth(a), worth(b)) })
	for _, a := range files {
		why := ""
		switch {
		case attached[a.Name]:
			continue
		case a.Name == "report.md":
			continue // report.txt and report.html say the same
		case a.Name == "goroutine.txt" && !b.labels:
			why = "it may contain labels"
		case a.Size > b.each:
			why = fmt.Sprintf("larger than %v", profile.Bytes(b.each))
		case a.Size > b.all || len(send) >= b.number:
			why = "the incident's budget is used up"
		}
		if why != "" {
			leave = append(leave, leftOut{a, why})
			continue
		}
		b.all -= a.Size
		send = append(send, a)
	}
	return send, leave
}

// withhold takes out what cannot be read, or may not leave the process.
func (p *plan) withhold(files *evidence) {
	p.send = slices.DeleteFunc(p.send, func(a incident.Artefact) bool {
		err := files.check(a)
		if err != nil {
			p.leave = append(p.leave, leftOut{a, err.Error()})
		}
		return err != nil
	})
}

// worth orders files: reports, goroutine profiles, heap profiles, the rest; and of each
// kind the current one before its baseline. Further baselines come last.
func worth(a incident.Artefact) int {
	base := 0
	_, variant, number, _ := incident.ParseFileName(a.Name)
	if variant == incident.VariantBase {
		base = 1
	}
	switch {
	case base == 1 && number > 1:
		return 30
	case a.Name == incident.ReportText:
		return 0
	case a.Name == incident.ReportHTML:
		return 1
	case a.Kind == nil && strings.HasPrefix(a.Name, "goroutine"):
		return 6
	case a.Kind == nil:
		return 20
	case *a.Kind == profile.Goroutine || *a.Kind == profile.GoroutineLeak:
		return 4 + base
	case *a.Kind == profile.Heap:
		return 8 + base
	}
	return 10 + base
}

// context says which evidence is sent, and where the rest is.
func (p plan) context(i guard.Incident) sentry.Context {
	c := sentry.Context{"folder": i.Folder, "see incident": i.EvidenceIn, "not captured because": oneLine(i.NotCaptured, 1<<10)}
	for _, a := range p.send {
		c[a.Name] = profile.Bytes(a.Size).String()
	}
	for _, l := range p.leave {
		c[l.Name] = fmt.Sprintf("%v, not sent: %s", profile.Bytes(l.Size), l.why)
	}
	return c
}

// attach sends the files of the plan, one envelope each.
func (s *Sink) attach(ctx context.Context, l *link.Link, inc *record, e guard.Event, p plan, files *evidence) error {
	s.note(inc, p.leave...)
	for _, a := range p.send {
		file, err := files.load(a)
		if err != nil {
			s.note(inc, leftOut{a, err.Error()})
			continue
		}
		err = l.Attach(ctx, eventID(e), file, e.Incident.Folder)
		var refused *link.RefusedError
		var left *link.LeftOutError
		switch {
		case errors.As(err, &left) && !left.Refused:
			s.note(inc, leftOut{a, err.Error()})
		case left != nil, errors.As(err, &refused) && refused.ForGood():
			s.stats.refused.Add(1)
			inc.done(a.Name, 0)
		case err != nil:
			// The next one would fail as well.
			return fmt.Errorf("attachment %s: %w", a.Name, err)
		default:
			s.attached(inc, file)
		}
	}
	return nil
}

// attached records an attachment that was accepted.
func (s *Sink) attached(inc *record, file *sentry.Attachment) {
	s.stats.attachments.Add(1)
	s.stats.attachmentBytes.Add(int64(len(file.Payload)))
	inc.done(file.Filename, int64(len(file.Payload)))
}

// note records files that are left out.
func (s *Sink) note(inc *record, leave ...leftOut) {
	for _, l := range leave {
		if inc.done(l.Name, 0) {
			s.stats.leftOut.Add(1)
		}
	}
}

// done marks a file as dealt with, and reports whether it had not been.
func (i *record) done(name string, bytes int64) bool {
	if i.attached[name] {
		return false
	}
	if i.attached == nil {
		i.attached = make(map[string]bool)
	}
	i.attached[name] = true
	i.bytes += bytes
	return true
}
