package diff

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// suspectGoroutines ranks the groups of goroutines, regardless of labels.
func (d *diff) suspectGoroutines(text goroutineText) []incident.Suspect {
	var suspects []incident.Suspect
	var grown float64
	for _, g := range d.groups {
		grown += float64(max(0, g.count.Growth()))
	}
	for _, g := range d.groups {
		row := GoroutineGroup{
			Wait: g.key.wait, Blocked: d.x.frame(g.key.blocked, g.line), Root: d.x.frame(g.key.root, g.root), Count: g.count,
		}
		site, known := d.siteOf(row)
		proven := d.c.Kind == profile.GoroutineLeak || known && site.Proven
		flagged := known && site.Leaking
		if n := g.count.Growth(); g.count.After <= 0 || n <= 0 && !proven && !flagged {
			continue
		}
		s := incident.Suspect{
			Kind: d.c.Kind, Frame: row.Blocked, Wait: row.Wait, Value: g.count, Unit: profile.UnitCount, Standing: -1, Proven: proven,
		}
		if n := g.count.Growth(); n > 0 {
			s.Share = min(1, float64(n)/grown)
		}
		if known {
			s.Standing = site.Standing
		}
		s.Confidence = d.confidenceOf(g, s, known && site.Grown > 0)
		switch {
		case proven:
			s.Confidence = confidenceProof
		case flagged:
			s.Confidence = max(s.Confidence, confidenceFlag)
		}
		s.Reasons = d.goroutineEvidence(g, row, s, site, known, proven, text.about(row))
		suspects = append(suspects, s)
	}
	return rankSuspects(suspects)
}

// confidenceOf judges a group that is neither proven nor flagged by the census.
// rising means that the census saw it rise, so a lower count a moment ago
// raises no doubt.
func (d *diff) confidenceOf(g *group, s incident.Suspect, rising bool) float64 {
	// Goroutines that come and go are a Poisson process: a count of n varies by
	// about sqrt(n).
	z := float64(g.count.Growth()) / math.Sqrt(math.Max(1, float64(g.count.Before)+float64(g.count.After)/4))
	confidence := mostGoroutine * significance(z) * weight(g.count.Growth(), g.count.After, d.c.Total.After, s.Share, 2)
	if !frames.CanBeForever(s.Wait) {
		confidence *= 0.15 // a timer, I/O or work ends by itself
	}
	if g.class > classDependency && !unreadBody(d.x.functions[g.key.root].name, s.Wait) {
		confidence *= 0.3 // goroutines of the standard library, such as idle keep-alive connections
	}
	switch {
	case standingAtLeast(s.Standing, 10*time.Minute):
		confidence = min(confidenceFlag, confidence*1.2)
	case standingAtLeast(s.Standing, 0) && s.Standing < time.Minute && !rising:
		confidence *= 0.5 // goroutines still come and go
	}
	if !d.c.HasBase {
		confidence = min(mostWithoutBase, confidence)
	}
	return confidence
}

// unreadBody reports whether the goroutines belong to HTTP client connections
// whose response body was neither closed nor read to the end. Those wait in a
// select in readLoop; an idle connection waits for I/O there.
func unreadBody(root, wait string) bool {
	return root == "net/http.(*persistConn).readLoop" && wait == frames.Select
}

func (d *diff) goroutineEvidence(g *group, row GoroutineGroup, s incident.Suspect, site incident.GoroutineSite, known, proven bool, text textEvidence) (evidence []string) {
	say := func(format string, args ...any) { evidence = append(evidence, fmt.Sprintf(format, args...)) }
	n := profile.Count(g.count.After)
	if proven {
		say("the garbage collector proved that %s can never be woken", these(n))
	}
	switch {
	case known && s.Standing >= time.Minute:
		say("%s %s, never fewer for %s", these(n), frames.Predicate(n != 1, s.Wait), words.Span(s.Standing))
	default:
		say("%s %s", these(n), frames.Predicate(n != 1, s.Wait))
	}
	switch {
	case d.c.HasBase && g.count.Growth() > 0:
		over := ""
		if b, n := d.c.BaseTime, d.c.NowTime; !b.IsZero() && n.After(b) {
			over = " in " + words.Span(n.Sub(b))
		}
		say("grew from %v to %v%s, %s of the goroutine growth", profile.Count(max(0, g.count.Before)), n, over, inPercent(s.Share))
	case !d.c.HasBase && d.c.Kind == profile.Goroutine:
		say("%s of all goroutines; no baseline to compare with", inPercent(s.Share))
	}
	if known && site.Grown > 0 && !site.Since.IsZero() && d.c.NowTime.After(site.Since) {
		say("%v more in the last %s", profile.Count(site.Grown), words.Span(d.c.NowTime.Sub(site.Since)))
	}
	if text.old > 0 {
		say("%[2]v of %[1]v in the text dump have waited for minutes, the longest for %[3]d min", profile.Count(text.count), profile.Count(text.old), text.oldest)
	}
	if text.creator != "" {
		say("created by %s", text.creator)
	}
	if row.Root.Function != row.Blocked.Function {
		say("started with %s", row.Root.Function)
	}
	if leaf := d.x.functions[g.leaf]; g.leaf != g.key.blocked {
		say("blocked in %s%s", leaf.name, ofModule(leaf))
	}
	if unreadBody(row.Root.Function, s.Wait) {
		say("each is a connection whose response body was neither closed nor read to the end")
	}
	if len(g.common) > 0 {
		say("common labels: %s", strings.Join(g.common, ", "))
	}
	return evidence
}

func these(n profile.Count) string {
	if n == 1 {
		return "1 goroutine"
	}
	return n.String() + " goroutines"
}
