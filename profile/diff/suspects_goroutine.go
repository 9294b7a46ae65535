package diff

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// suspectGoroutines ranks the groups of goroutines, regardless of labels and of what
// they wait for: those of one site that wait for two things are one leak.
func (d *diff) suspectGoroutines(text goroutineText) []incident.Suspect {
	var grown float64
	crowds := d.crowds()
	for _, c := range crowds {
		grown += float64(max(0, c.count.Growth()))
	}
	var list []suspected[*crowd]
	for _, c := range crowds {
		if s, ok := d.suspectCrowd(c, grown); ok {
			list = addSuspect(list, suspected[*crowd]{s, c})
		}
	}
	var suspects []incident.Suspect
	for _, of := range rankSuspects(list) {
		s, c := of.suspect, of.by
		g := c.largest()
		row := d.rowOf(g, c.count)
		site, known := d.siteOf(row)
		evidence := text.about(row)
		d.creditCreator(&s, g, site, known, evidence)
		s.Path = d.framesOf(g.route)
		s.Reasons = d.goroutineEvidence(c, row, s, site, known, s.Proven, evidence)
		suspects = append(suspects, s)
	}
	return suspects
}

// suspectCrowd makes a suspect of a crowd, without reasons. ok is false if it is none.
func (d *diff) suspectCrowd(c *crowd, grown float64) (s incident.Suspect, ok bool) {
	row := d.rowOf(c.largest(), c.count)
	site, known := d.siteOf(row)
	proven := d.c.Kind == profile.GoroutineLeak || known && site.Proven
	flagged := known && site.Leaking
	if n := c.count.Growth(); c.count.After <= 0 || n <= 0 && !proven && !flagged {
		return s, false
	}
	s = incident.Suspect{
		Kind: d.c.Kind, Frame: row.Blocked, Wait: row.Wait, Value: c.count, Unit: profile.UnitCount, Standing: -1, Proven: proven,
	}
	if n := c.count.Growth(); n > 0 {
		s.Share = min(1, float64(n)/grown)
	}
	if known {
		s.Standing = site.Standing
	}
	s.Confidence = d.confidenceOf(c, s, known && site.Grown > 0)
	switch {
	case proven:
		s.Confidence = confidenceProof
	case flagged:
		s.Confidence = max(s.Confidence, confidenceFlag)
	}
	return s, true
}

// rowOf returns a group regardless of its labels, with this count.
func (d *diff) rowOf(g *group, count incident.Change) GoroutineGroup {
	return GoroutineGroup{
		Wait: g.key.wait, Blocked: d.x.frame(g.key.blocked, g.line), Root: d.x.frame(g.key.root, g.root), Count: count,
	}
}

// creditCreator notes who created the goroutines. If only a library works in them and
// the user's own function created them, that one is named.
func (d *diff) creditCreator(s *incident.Suspect, g *group, site incident.GoroutineSite, known bool, text textEvidence) {
	creator := text.frame
	if creator.Function == "" && known {
		creator = site.CreatedBy
	}
	if creator.Function == "" {
		return
	}
	creator.Package = frames.PackageOf(creator.Function)
	creator.Module = frames.ModuleOf(creator.Function, creator.File, d.x.named)
	s.CreatedBy = creator
	if g.class != frames.ClassOwn && !s.Proven && frames.Own(frames.Frame{Function: creator.Function, File: creator.File}, d.x.own) {
		s.Through, s.Frame = s.Frame, creator
	}
}

// crowd is the goroutines of one site, whatever they wait for.
type crowd struct {
	groups []*group
	count  incident.Change
}

// largest returns the group that grew most.
func (c *crowd) largest() *group {
	return slices.MaxFunc(c.groups, func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.count.Growth(), b.count.Growth()), cmp.Compare(a.count.After, b.count.After),
			-cmp.Compare(a.key.blocked, b.key.blocked), -cmp.Compare(a.key.line, b.key.line), -strings.Compare(a.key.wait, b.key.wait))
	})
}

// crowds puts the groups of one site together. Goroutines of a library belong together
// by the function that they started with: where exactly they wait says little.
func (d *diff) crowds() []*crowd {
	type key struct{ blocked, root int32 }
	by := make(map[key]*crowd)
	for _, g := range d.groups {
		k := key{g.key.blocked, g.key.root}
		if g.class != frames.ClassOwn {
			k.blocked = -1
		}
		c := by[k]
		if c == nil {
			c = new(crowd)
			by[k] = c
		}
		c.groups = append(c.groups, g)
		d.change(&c.count, g.count.Before, false)
		d.change(&c.count, g.count.After, true)
	}
	return slices.Collect(maps.Values(by))
}

// confidenceOf judges a group that is neither proven nor flagged by the census.
// rising means that the census saw it rise, so a lower count a moment ago
// raises no doubt.
func (d *diff) confidenceOf(g *crowd, s incident.Suspect, rising bool) float64 {
	// Goroutines that come and go are a Poisson process: a count of n varies by
	// about sqrt(n).
	z := float64(g.count.Growth()) / math.Sqrt(math.Max(1, float64(g.count.Before)+float64(g.count.After)/4))
	confidence := mostGoroutine * significance(z) * weight(g.count.Growth(), g.count.After, d.c.Total.After, s.Share, 2)
	library := g.largest().class != frames.ClassOwn
	crowded := s.Value.Growth() > mostIdle
	switch {
	case g.canBeForever():
	case library && crowded:
		confidence *= 0.7 // connections wait for I/O as long as nobody closes them
	default:
		confidence *= 0.15 // a timer, I/O or work ends by itself
	}
	if g.largest().class > frames.ClassDependency && !unreadBody(d.x.functions[g.largest().key.root].name, s.Wait) {
		// Goroutines of the standard library, such as idle keep-alive connections.
		if crowded {
			confidence *= 0.4
		} else {
			confidence *= 0.3
		}
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

// mostIdle is how many idle connections the standard library's Transport keeps by
// default (MaxIdleConns of http.DefaultTransport). More are not those of one client.
const mostIdle = 100

// canBeForever reports whether most of them wait for what may never come.
func (c *crowd) canBeForever() bool {
	var all, forever int64
	for _, g := range c.groups {
		n := max(0, g.count.After)
		all += min(n, maxSum/int64(len(c.groups)))
		if frames.CanBeForever(g.key.wait) {
			forever += min(n, maxSum/int64(len(c.groups)))
		}
	}
	return forever > all/4
}

// unreadBody reports whether the goroutines belong to HTTP client connections
// whose response body was neither closed nor read to the end. Those wait in a
// select in readLoop; an idle connection waits for I/O there.
func unreadBody(root, wait string) bool {
	return root == "net/http.(*persistConn).readLoop" && wait == frames.Select
}

func (d *diff) goroutineEvidence(c *crowd, row GoroutineGroup, s incident.Suspect, site incident.GoroutineSite, known, proven bool, text textEvidence) (evidence []string) {
	say := func(format string, args ...any) { evidence = append(evidence, fmt.Sprintf(format, args...)) }
	g := c.largest()
	n := profile.Count(c.count.After)
	if proven {
		say("the garbage collector proved that %s can never be woken", these(n))
	}
	switch {
	case known && s.Standing >= time.Minute:
		say("%s %s, never fewer for %s", these(n), frames.Predicate(n != 1, s.Wait), words.Span(s.Standing))
	default:
		say("%s %s", these(n), c.waits())
	}
	switch {
	case d.c.HasBase && c.count.Growth() > 0:
		over := ""
		if b, n := d.c.BaseTime, d.c.NowTime; !b.IsZero() && n.After(b) {
			over = " in " + words.Span(n.Sub(b))
		}
		say("grew from %v to %v%s, %s of the goroutine growth", profile.Count(max(0, c.count.Before)), n, over, inPercent(s.Share))
	case !d.c.HasBase && d.c.Kind == profile.Goroutine:
		say("%s of all goroutines; no baseline to compare with", inPercent(s.Share))
	}
	if known && site.Grown > 0 && !site.Since.IsZero() && d.c.NowTime.After(site.Since) {
		say("%v more in the last %s", profile.Count(site.Grown), words.Span(d.c.NowTime.Sub(site.Since)))
	}
	if text.old > 0 {
		say("%[2]v of %[1]v in the text dump have waited for minutes, the longest for %[3]d min", profile.Count(text.count), profile.Count(text.old), text.oldest)
	}
	if s.Through.Function != "" {
		say("they run %s", s.Through.Function)
	}
	switch {
	case text.creator != "":
		say("created by %s", text.creator)
	case known && site.CreatedBy.Function != "":
		say("created by %s", site.CreatedBy.Function)
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

// waits says what the goroutines wait for, with numbers if that differs.
func (c *crowd) waits() string {
	counts := make(map[string]int64)
	for _, g := range c.groups {
		if g.count.After > 0 {
			counts[g.key.wait] += min(g.count.After, maxSum/int64(len(c.groups)))
		}
	}
	main := c.largest().key.wait
	if len(counts) < 2 {
		return frames.Predicate(c.count.After != 1, main)
	}
	waits := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	parts := make([]string, 0, 3)
	for _, w := range waits[:min(len(waits), 3)] {
		parts = append(parts, fmt.Sprintf("%v %s", profile.Count(counts[w]), frames.Predicate(counts[w] != 1, w)))
	}
	return "are at one place: " + strings.Join(parts, ", ")
}

func these(n profile.Count) string {
	if n == 1 {
		return "1 goroutine"
	}
	return n.String() + " goroutines"
}
