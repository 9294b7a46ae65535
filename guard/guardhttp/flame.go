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

// flameChoice is something of an incident that can be drawn as a flame graph.
type flameChoice struct {
	Title string `json:"title"`
	File  string `json:"file"`
	Base  string `json:"base,omitempty"` // subtracted; absent: nothing is
}

// flameChoices are the differences to the baseline, of the newest profiles first,
// and then each profile by itself.
func flameChoices(files []incident.Artefact) []flameChoice {
	differences, singles := []flameChoice{}, []flameChoice{}
	for i := len(files) - 1; i >= 0; i-- {
		a := files[i]
		if a.Kind == nil || !drawable(*a.Kind) {
			continue
		}
		if isBase(a.Name) {
			singles = append(singles, flameChoice{Title: a.Kind.String() + " in calm times (" + a.Name + ")", File: a.Name})
			continue
		}
		if base := baseOf(files, *a.Kind); base != "" {
			differences = append(differences, flameChoice{Title: a.Kind.String() + ": what was added (" + a.Name + " − " + base + ")", File: a.Name, Base: base})
		}
		singles = append(singles, flameChoice{Title: a.Kind.String() + ": all of it (" + a.Name + ")", File: a.Name})
	}
	// Memory before goroutines: it is what kills. Fresh before the crossing's.
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

func baseOf(files []incident.Artefact, kind profile.Kind) (name string) {
	for _, a := range files {
		if a.Kind != nil && *a.Kind == kind && isBase(a.Name) {
			name = a.Name
		}
	}
	return name
}

// flameGraph is one to be drawn.
type flameGraph struct {
	Kind     string          `json:"kind"`
	Unit     profile.Unit    `json:"unit"`
	Whole    string          `json:"whole"` // what its values are a part of
	Root     *diff.FlameNode `json:"root"`  // null: nothing is in it
	Warnings []string        `json:"warnings"`
}

// maxFlameName cuts names, which a damaged file may have of any length.
const maxFlameName = 300

// flame reads one or two profiles of an incident and answers their tree. It takes
// up to a second and a hundred MiB, so it is done one at a time, and only where
// there is memory for it.
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
			http.Error(w, fmt.Sprintf("guardhttp: %.80q is no profile of this incident that can be drawn", name), http.StatusNotFound)
			return
		}
		sizes = append(sizes, m.Artefacts[at].Size)
	}
	release, ok := h.flames.take()
	if !ok {
		later(w, http.StatusTooManyRequests, 2*time.Second, "another flame graph is being made")
		return
	}
	defer release()
	snapshot := h.g.Snapshot()
	if err := affordable(&snapshot, budget.PredictCompare(sizes...)); err != nil {
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
	g := &flameGraph{Kind: c.Kind.String(), Unit: c.Unit, Whole: "all of it", Root: c.Flame, Warnings: []string{}}
	if base != "" {
		// Without one it is a warning that nothing is subtracted, as was asked.
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
		return nil, fmt.Errorf("%s cannot be opened", name) // the error has a path
	}
	defer f.Close()
	p, err := profile.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}
