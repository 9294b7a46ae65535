package guardhttp

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/guard/internal/budget"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
	"github.com/leakguard/leakguard/profile/incident"
)

// flameChoice is a flame graph that an incident offers.
type flameChoice struct {
	Title string `json:"title"`
	File  string `json:"file"`
	Base  string `json:"base,omitempty"` // the profile to subtract, if any
}

// flameChoices returns the differences to the baseline, newest profiles first, and then
// each profile by itself.
func flameChoices(files []incident.Artefact) []flameChoice {
	differences, singles := []flameChoice{}, []flameChoice{}
	for i := len(files) - 1; i >= 0; i-- {
		a := files[i]
		if a.Kind == nil || !drawable(*a.Kind) {
			continue
		}
		if isBase(a.Name) {
			singles = append(singles, flameChoice{Title: a.Kind.String() + ": baseline (" + a.Name + ")", File: a.Name})
			continue
		}
		if base := baseOf(files, *a.Kind); base != "" {
			differences = append(differences, flameChoice{Title: a.Kind.String() + ": growth (" + a.Name + " − " + base + ")", File: a.Name, Base: base})
		}
		singles = append(singles, flameChoice{Title: a.Kind.String() + ": total (" + a.Name + ")", File: a.Name})
	}
	// Memory comes before goroutines, and fresh profiles before those at the crossing.
	rank := func(c flameChoice) int {
		switch {
		case strings.HasPrefix(c.File, "heap-fresh"):
			return 0
		case strings.HasPrefix(c.File, "heap"):
			return 1
		case strings.HasPrefix(c.File, "goroutine"):
			return 2
		default:
			return 3
		}
	}
	all := append(differences, singles...)
	slices.SortStableFunc(all[:len(differences)], func(a, b flameChoice) int { return rank(a) - rank(b) })
	slices.SortStableFunc(all[len(differences):], func(a, b flameChoice) int { return rank(a) - rank(b) })
	return all
}

func drawable(k profile.Kind) bool {
	switch k {
	case profile.Heap, profile.Allocs, profile.Goroutine, profile.GoroutineLeak, profile.CPU:
		return true
	default:
		return false
	}
}

func isBase(name string) bool {
	_, variant, _, ok := incident.ParseFileName(name)
	return ok && variant == incident.VariantBase
}

// baseOf returns the main baseline of a kind, or "".
func baseOf(files []incident.Artefact, kind profile.Kind) string {
	for _, a := range files {
		if k, variant, number, ok := incident.ParseFileName(a.Name); ok && k == kind && variant == incident.VariantBase && number == 1 {
			return a.Name
		}
	}
	return ""
}

// flameGraph is a flame graph as the API returns it.
type flameGraph struct {
	Kind     string          `json:"kind"`
	Unit     profile.Unit    `json:"unit"`
	Whole    string          `json:"whole"` // the name of the total
	Root     *diff.FlameNode `json:"root"`  // null: empty
	Warnings []string        `json:"warnings"`
}

// maxFlameName is the most bytes of a name. Names in a damaged file may have any length.
const maxFlameName = 300

// flame reads one or two profiles of an incident and returns their tree. That takes up
// to a second and a hundred MiB, so one runs at a time, and only if there is enough
// memory.
func (h *handler) flame(w http.ResponseWriter, r *http.Request, id string) {
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "application/json")
		return
	}
	file, base := r.URL.Query().Get("file"), r.URL.Query().Get("base")
	m, ok := h.manifest(w, id)
	if !ok {
		return
	}
	var sizes []int64
	for i, name := range []string{file, base} {
		if i == 1 && name == "" {
			continue
		}
		at := slices.IndexFunc(m.Artefacts, func(a incident.Artefact) bool { return a.Name == name })
		if at < 0 || m.Artefacts[at].Kind == nil || !drawable(*m.Artefacts[at].Kind) {
			http.Error(w, fmt.Sprintf("guardhttp: %.80q is not a profile of this incident that can be drawn", name), http.StatusNotFound)
			return
		}
		sizes = append(sizes, m.Artefacts[at].Size)
	}
	release, ok := h.flames.take()
	if !ok {
		later(w, http.StatusTooManyRequests, 2*time.Second, "another flame graph is being drawn")
		return
	}
	defer release()
	snapshot := h.g.Snapshot()
	if err := affordable(&snapshot, max(budget.PredictCompare(sizes...), h.predictFlame(id, file, base))); err != nil {
		later(w, http.StatusServiceUnavailable, 10*time.Second, "no flame graph: "+err.Error()+"; download the file and use go tool pprof")
		return
	}
	g, err := h.makeFlame(id, file, base, m.Build.Module)
	if err != nil {
		http.Error(w, "guardhttp: no flame graph: "+err.Error(), http.StatusUnprocessableEntity)
		return
	}
	writeJSON(w, g)
}

// predictFlame predicts what reading and comparing the files takes, by what they hold: they
// may be somebody else's.
func (h *handler) predictFlame(id string, names ...string) (bytes int64) {
	for _, name := range names {
		if f, err := h.g.Store().Open(id, name); err == nil {
			bytes += budget.PredictUnpacked(f)
			f.Close()
		}
	}
	return bytes
}

func (h *handler) makeFlame(id, file, base, module string) (*flameGraph, error) {
	now, err := h.readProfile(id, file)
	if err != nil {
		return nil, err
	}
	var before *pprofile.Profile
	if base != "" {
		if before, err = h.readProfile(id, base); err != nil {
			return nil, err
		}
	}
	c, err := diff.Compare(before, now, diff.Config{MainModule: module, Rows: 1})
	if err != nil {
		return nil, err
	}
	g := &flameGraph{Kind: c.Kind.String(), Unit: c.Unit, Whole: "the total", Root: c.Flame, Warnings: []string{}}
	if base != "" {
		// Without a base the only warning is that there is none, which is intended.
		g.Whole, g.Warnings = "the growth", append(g.Warnings, c.Warnings...)
	}
	cutNames(g.Root, 0)
	return g, nil
}

func cutNames(n *diff.FlameNode, depth int) {
	if n == nil || depth > 256 {
		return
	}
	if len(n.Name) > maxFlameName {
		n.Name = strings.ToValidUTF8(n.Name[:maxFlameName/2], "") + "…" + strings.ToValidUTF8(n.Name[len(n.Name)-maxFlameName/2:], "")
	}
	for _, c := range n.Children {
		cutNames(c, depth+1)
	}
}

func (h *handler) readProfile(id, name string) (*pprofile.Profile, error) {
	f, err := h.g.Store().Open(id, name)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be opened", name) // err is left out because it contains a path
	}
	defer f.Close()
	p, err := profile.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}
