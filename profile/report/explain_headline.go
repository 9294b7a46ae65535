package report

import (
	"fmt"
	"path"
	"strings"

	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
	"github.com/leakguard/leakguard/profile/incident"
)

// maxName is the longest name within a sentence, in bytes.
const maxName = 120

// minAccused is the confidence below which a suspect is not called the culprit.
const minAccused = 0.21

// manyGoroutines are more than come and go.
const manyGoroutines = 500

// headline returns the first line of a report, and marks the suspect that it accuses. The
// line alone must say who leaks, how much, and where.
func headline(r *Report, out outside) string {
	outside := outsideGo(r.Manifest)
	for i, s := range r.Suspects {
		// What filled the memory is not in the heap: goroutines may still show who did it.
		if s.Unit == profile.UnitBytes && (out.dominates(s.Value.Growth()) || outside != "") {
			continue
		}
		if s.Confidence >= minAccused {
			r.Suspects[i].Accused = true
			return r.accuse(s) + r.through(s) + r.idle(s)
		}
		break
	}
	switch {
	case outside != "":
		return "No culprit in the Go heap: " + outside
	case out.found:
		return "No culprit in the Go heap: " + out.sentence("it")
	case r.Heap == nil && r.Goroutine == nil && r.CPU == nil:
		if r.Manifest.CutShort {
			return "No evidence: the process died before it wrote a profile"
		}
		return "No evidence: there is no readable profile"
	}
	var grew []string
	for _, c := range []*diff.Comparison{r.Heap, r.Goroutine, r.CPU} {
		if c != nil && c.HasBase {
			grew = append(grew, fmt.Sprintf("%s %s", kindNoun(c.Kind), change(c.Total, c.Unit)))
		}
	}
	text := "No culprit: no growth stands out; " + strings.Join(grew, ", ")
	if before, after, ok := r.counted(); ok && r.Goroutine == nil && after-before >= manyGoroutines && after >= 2*before {
		return fmt.Sprintf("No culprit: goroutines grew from %v to %v, and there is no profile of them", before, after) + r.idle(incident.Suspect{})
	}
	if len(grew) == 0 {
		text = "No culprit: nothing stands out, and there is no baseline to compare with"
	}
	if len(r.Suspects) > 0 {
		s := r.Suspects[0]
		text += fmt.Sprintf("; the best guess is %s, %s", r.place(s.Frame), growth(s.Value, s.Unit))
	}
	return text + r.idle(incident.Suspect{})
}

// idle returns the idle CPU use, if the headline does not have it already.
func (r *Report) idle(s incident.Suspect) string {
	if s.TicksPerSecond > 0 || !aboutIdle(r.Manifest) {
		return ""
	}
	return "; " + idleSentence(r.Manifest.Idle)
}

// through names the library by which the growth comes, and the goroutines of the same
// function.
func (r *Report) through(s incident.Suspect) string {
	text := ""
	if s.Unit == profile.UnitBytes && s.Through.Function != "" && s.Through.Function != s.Frame.Function {
		text = ", through " + shortName(s.Through.Function)
	}
	for _, o := range r.Suspects {
		if s.Unit == profile.UnitBytes && o.Unit == profile.UnitCount && o.Frame.Function == s.Frame.Function && o.Value.Growth() > 0 {
			return text + fmt.Sprintf(", with %v more goroutines", profile.Count(o.Value.Growth()))
		}
	}
	return text
}

// startedHere reports whether goroutines are blamed on who started them.
func startedHere(s incident.Suspect) bool {
	return s.CreatedBy.Function != "" && s.CreatedBy.Function == s.Frame.Function
}

// accuse says in one sentence what a suspect did, where, and since when.
func (r *Report) accuse(s incident.Suspect) string {
	place := r.place(s.Frame)
	var text string
	switch s.Kind {
	case profile.Goroutine, profile.GoroutineLeak:
		if s.Wait == frames.Running && s.Confidence <= confidenceAllocating {
			return place + " was at work when memory crossed the line; the heap profile is older than the leak"
		}
		if s.TicksPerSecond > 0 {
			return r.accuseTicks(s)
		}
		text = fmt.Sprintf("%s at %s", goroutines(s, r.Goroutine), place)
		switch {
		case startedHere(s):
			text = fmt.Sprintf("%s, started by %s", goroutines(s, r.Goroutine), place)
		case s.Through.Function != "":
			text = fmt.Sprintf("%s in %s on behalf of %s", goroutines(s, r.Goroutine), shortName(s.Through.Function), place)
		}
		if s.Standing > 0 {
			text += ", never fewer for " + words.Span(s.Standing)
		}
		for _, o := range r.Suspects {
			if s.Role == incident.RoleCause && o.Role == incident.RoleGrowsWith {
				each := profile.Bytes(float64(o.Value.Growth()) / float64(max(s.Value.Growth(), 1)))
				if o.Frame.Function == s.Frame.Function {
					return fmt.Sprintf("%s; it also allocates %s that grew with them, about %v each", text, amount(o.Value.Growth(), o.Unit), each)
				}
				return fmt.Sprintf("%s: the cause candidate for %s, which grew with them by %s, about %v each",
					text, r.who(o.Frame), amount(o.Value.Growth(), o.Unit), each)
			}
		}
		return text
	case profile.CPU:
		text, whole := fmt.Sprintf("%s takes %s of CPU time", place, amount(s.Value.After, s.Unit)), "the total"
		if r.CPU != nil && r.CPU.HasBase {
			text, whole = fmt.Sprintf("%s takes %s more CPU time than before", place, amount(s.Value.Growth(), s.Unit)), "the growth"
		}
		return fmt.Sprintf("%s, %s of %s", text, words.Percent(s.Share), whole)
	}
	if r.Heap == nil || !r.Heap.HasBase {
		return fmt.Sprintf("%s holds %s, %s of the heap; no baseline to compare with", place, amount(s.Value.After, s.Unit), words.Percent(s.Share))
	}
	before := "before"
	if d := r.Heap.NowTime.Sub(r.Heap.BaseTime); d > 0 && !r.Heap.BaseTime.IsZero() {
		before = words.Span(d) + " ago"
	}
	return fmt.Sprintf("%s holds %s more than %s, %s of the heap growth", place, amount(s.Value.Growth(), s.Unit), before, words.Percent(s.Share))
}

// goroutines says how many goroutines do what: those added if that is known, or
// else all.
func goroutines(s incident.Suspect, c *diff.Comparison) string {
	n, more := s.Value.Growth(), "more "
	if s.Value.Before == 0 && (c == nil || !c.HasBase) || n <= 0 {
		n, more = s.Value.After, ""
	}
	noun := "goroutines"
	if n == 1 {
		noun = "goroutine"
	}
	return fmt.Sprintf("%v %s%s %s", profile.Count(n), more, noun, frames.Predicate(n != 1, cutName(s.Wait)))
}

// place names a function in a sentence, with its file and line.
func (r *Report) place(f profile.Frame) string {
	name := shortName(f.Function)
	if name == "" {
		name = r.who(f)
	}
	if file := r.file(f); file != "" {
		return fmt.Sprintf("%s (%s)", name, file)
	}
	return name
}

// who names the module of a function or, if that says more, its package.
func (r *Report) who(f profile.Frame) string {
	switch {
	case f.Module != "" && f.Module != "std" && f.Module != r.Manifest.Build.Module && f.Function != "":
		return fmt.Sprintf("%s in %s", shortName(f.Function), cutName(f.Module))
	case f.Function != "":
		return r.place(profile.Frame{Function: f.Function, File: f.File, Line: f.Line, Package: f.Package, Module: f.Module})
	case f.Package != "":
		return cutName(f.Package)
	case f.Module != "":
		return cutName(f.Module)
	}
	return "an unnamed function"
}

// file returns file and line of the frame, as short as they can be found with:
// the path within the module, or else the last three elements.
func (r *Report) file(f profile.Frame) string {
	if f.File == "" {
		return ""
	}
	file := strings.ReplaceAll(f.File, "\\", "/")
	base := path.Base(file)
	pkg := f.Package
	if pkg == "main" || pkg == "" && strings.HasPrefix(f.Function, "main.") {
		pkg = r.Manifest.Build.Path
	}
	module := f.Module
	if module == "" || module == "main" {
		module = r.Manifest.Build.Module
	}
	short, ok := strings.CutPrefix(pkg, module)
	switch {
	case module != "" && module != "std" && ok && (short == "" || short[0] == '/'):
		base = strings.TrimPrefix(short+"/"+base, "/")
	case f.Module == "std" && f.Package != "":
		base = f.Package + "/" + base
	default:
		if parts := strings.Split(strings.Trim(file, "/"), "/"); len(parts) > 3 {
			base = strings.Join(parts[len(parts)-3:], "/")
		} else {
			base = file
		}
	}
	if f.Line > 0 {
		base = fmt.Sprintf("%s:%d", base, f.Line)
	}
	return cutName(base)
}

// shortName returns a function's name without the path of its package.
func shortName(function string) string { return cutName(frames.ShortFunction(function)) }

func cutName(s string) string { return words.CutMiddle(s, maxName) }

func kindNoun(k profile.Kind) string {
	switch k {
	case profile.Heap, profile.Allocs:
		return "the heap"
	case profile.Goroutine, profile.GoroutineLeak:
		return "goroutines"
	case profile.CPU:
		return "CPU time"
	}
	return k.String()
}
