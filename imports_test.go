package leakguard_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	module = "github.com/leakguard/leakguard"
	std    = "<std>" // the standard library
	own    = "<own>" // the rule's own folder, with all below it
	// theGuard is package guard with its rooms, but not what is below it to
	// extend or to test it.
	theGuard = "<guard>"
	pprof    = "github.com/google/pprof/profile"
	sentry   = "<sentry-go>" // with what it requires
)

// importRules say what the packages below a folder may depend on, directly or not. The
// first rule whose folder holds a package decides.
//
// An entry of may is one of our packages by its path in the module, a subtree of them
// ("internal/..."), a package of somebody else with all below it, or one of the constants
// below. except takes packages out again, ours by their path and those of the standard
// library.
var importRules = []struct {
	folder string // of the module; "" is the root package
	may    []string
	except []string
}{
	// Equipment of tests and examples may use testing and serve HTTP; below guard and
	// sentryhook it may use everything.
	{"internal/testenv", []string{std}, nil},
	{"internal/chromium", []string{std, "internal/..."}, nil},
	{"internal/ingest", []string{std}, []string{"testing"}},
	{"internal/leakprograms", []string{std, "internal/..."}, nil},
	{"internal/profiletest", []string{std, "internal/...", pprof}, nil},
	{"internal/cgroup/cgrouptest", []string{std, "internal/..."}, nil},
	{"guard/internal/survival", []string{std, "internal/...", "profile/...", theGuard, own, pprof}, nil},
	{"guard/internal/overhead", []string{std, "internal/...", "profile/...", theGuard, own, pprof}, nil},

	// The writer of incidents knows what an incident is. Our other internal packages are
	// one small thing each, and know nothing of ours that is public.
	{"internal/store", []string{std, "internal/...", "profile", "profile/incident", pprof}, noServer},
	{"internal", []string{std, "internal/..."}, append(noServer, "net", "internal/store")},

	// Data goes down one way: a profile, an incident, a comparison, a report. None of
	// them writes an incident.
	{"profile/incident", []string{std, "internal/...", "profile", own, pprof}, append(noServer, "internal/store")},
	{"profile/diff", []string{std, "internal/...", "profile", "profile/incident", own, pprof}, append(noServer, "internal/store")},
	{"profile/report", []string{std, "internal/...", "profile", "profile/incident", "profile/diff", own, pprof}, append(noServer, "internal/store")},
	{"profile/cmd", []string{std, "internal/...", "profile/...", pprof}, append(noServer, "internal/store")},
	{"profile", []string{std, "internal/...", own, pprof}, append(noServer, "internal/store", "profile/incident", "profile/diff", "profile/report")},

	// What extends a guard.
	{"guard/guardtest", []string{std, "internal/...", "profile/...", theGuard, own, pprof, "go.uber.org/goleak"}, nil},
	{"guard/guardhttp", []string{std, "internal/...", "profile/...", theGuard, own, pprof}, []string{"testing"}},
	{"guard/internal/fleet", []string{std, "internal/...", "profile/...", theGuard, own, pprof}, noServer},
	{"guard/internal/metric", []string{std, "internal/...", "profile/...", theGuard, own, pprof}, noServer},
	// The rooms of a guard do not know the guard.
	{"guard/internal", []string{std, "internal/...", "profile/...", own, pprof}, append(noServer, "guard")},
	{"guard", []string{std, "internal/...", "profile/...", theGuard, pprof}, noServer},

	// The rooms of sentryhook. The transport and those below it know neither the SDK
	// nor a guard; link knows the SDK and no guard; only gate and sink know a guard.
	{"sentryhook/internal/jsonscan", []string{std}, append(noServer, "encoding/json")},
	{"sentryhook/internal/compact", []string{std, "sentryhook/internal/jsonscan"}, append(noServer, "encoding/json")},
	{"sentryhook/internal/receipt", []string{std}, noServer},
	{"sentryhook/internal/envelope", []string{std, "internal/...", "profile/...", "sentryhook/internal/jsonscan", "sentryhook/internal/compact", pprof}, []string{"testing"}},
	{"sentryhook/internal/transport", []string{std, "internal/...", "profile/...", "sentryhook/internal/jsonscan", "sentryhook/internal/compact", "sentryhook/internal/envelope", "sentryhook/internal/receipt", pprof}, []string{"testing"}},
	{"sentryhook/internal/sdk", []string{std, sentry}, []string{"testing"}},
	{"sentryhook/internal/gate", []string{std, "internal/...", "profile/...", theGuard, "sentryhook/internal/sdk", pprof, sentry}, []string{"testing"}},
	{"sentryhook/internal/link", []string{std, "internal/...", "profile/...", "sentryhook/internal/sdk", "sentryhook/internal/envelope", "sentryhook/internal/receipt", "sentryhook/internal/compact", "sentryhook/internal/jsonscan", pprof, sentry}, []string{"testing"}},
	{"sentryhook/internal/sink", []string{std, "internal/...", "profile/...", theGuard, "sentryhook/internal/link", "sentryhook/internal/sdk", "sentryhook/internal/envelope", "sentryhook/internal/receipt", "sentryhook/internal/compact", "sentryhook/internal/jsonscan", pprof, sentry}, []string{"testing"}},
	{"sentryhook/internal/relaytest", []string{std}, nil},
	{"sentryhook/internal", []string{std, "internal/...", "profile/...", theGuard, "sentryhook", "sentryhook/internal/...", pprof, sentry}, nil},
	{"sentryhook", []string{std, "internal/...", "profile/...", theGuard, own, pprof, sentry}, []string{"testing"}},

	{"examples", []string{std, "internal/...", "profile/...", theGuard, "guard/guardhttp", "sentryhook/...", own, pprof, sentry}, []string{"testing"}},
	{"", []string{}, nil},
}

// noServer keeps out what makes a binary larger or listens.
var noServer = []string{"testing", "net/http"}

// directRequirements are the modules that the root's go.mod may require: what
// drags a larger tree is a nested module.
var directRequirements = []string{
	"github.com/getsentry/sentry-go",
	"github.com/google/pprof",
	"go.uber.org/goleak",
}

// goPackage is what go list tells.
type goPackage struct {
	ImportPath string
	Standard   bool
	Deps       []string
}

func TestImportsPointOneWay(t *testing.T) {
	packages := list(t, "./...")
	standard := make(map[string]bool)
	for _, p := range list(t, "-deps", "./...") {
		standard[p.ImportPath] = p.Standard
	}
	checked := 0
	for _, p := range packages {
		folder := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		for _, rule := range importRules {
			if !below(folder, rule.folder) && rule.folder != "" {
				continue
			}
			if rule.folder == "" && folder != "" {
				t.Errorf("%s: no rule says what it may import; add one to importRules", p.ImportPath)
			}
			checked++
			for _, dep := range p.Deps {
				if !allowed(dep, standard[dep], rule.folder, rule.may, rule.except) {
					t.Errorf("%s depends on %s, which packages in %q must not", p.ImportPath, dep, rule.folder)
				}
			}
			break
		}
	}
	if checked < 5 {
		t.Errorf("%d packages checked: go list has lost some", checked)
	}
}

// allowed reports whether a package in the folder may depend on dep.
func allowed(dep string, standard bool, folder string, may, except []string) bool {
	inside, ours := strings.CutPrefix(dep, module+"/")
	if standard {
		return slices.Contains(may, std) && !slices.Contains(except, dep)
	}
	if ours && slices.Contains(except, inside) {
		return false
	}
	return slices.ContainsFunc(may, func(m string) bool {
		subtree, whole := strings.CutSuffix(m, "/...")
		switch {
		case m == own:
			return ours && below(inside, folder)
		case m == theGuard:
			return ours && guardItself(inside)
		case m == sentry:
			return below(dep, "github.com/getsentry/sentry-go") || below(dep, "golang.org/x/sys") || below(dep, "golang.org/x/text")
		case ours && whole:
			return below(inside, subtree)
		case ours:
			return inside == m
		}
		return below(dep, m)
	})
}

// guardItself reports whether a package is guard or one of its rooms.
func guardItself(inside string) bool {
	if inside == "guard" {
		return true
	}
	for _, extends := range []string{"fleet", "metric", "survival", "overhead"} {
		if below(inside, "guard/internal/"+extends) {
			return false
		}
	}
	return below(inside, "guard/internal")
}

func TestAllowed(t *testing.T) {
	for _, c := range []struct {
		dep      string
		standard bool
		folder   string
		may      []string
		except   []string
		want     bool
	}{
		{"os", true, "guard", []string{std}, nil, true},
		{"net/http", true, "guard", []string{std}, []string{"net/http"}, false},
		{"os", true, "", nil, nil, false},
		{module + "/internal/procfs", false, "profile", []string{std, "internal/..."}, nil, true},
		{module + "/internal/store", false, "profile", []string{std, "internal/..."}, []string{"internal/store"}, false},
		{module + "/guard/internal/outbox", false, "sentryhook", []string{theGuard}, nil, true},
		{module + "/guard/internal/fleet", false, "sentryhook", []string{theGuard}, nil, false},
		{module + "/guard", false, "profile", []string{std, "internal/...", own}, nil, false},
		{module + "/guard/guardtest", false, "sentryhook", []string{theGuard}, nil, false},
		{module + "/profile", false, "internal", []string{std, "internal"}, nil, false},
		{module + "/profile/inner", false, "profile", []string{own}, nil, true},
		{"github.com/google/pprof/profile", false, "internal", []string{std, "internal"}, nil, false},
		{"github.com/google/pprof/driver", false, "guard", []string{"github.com/google/pprof/profile"}, nil, false},
	} {
		if got := allowed(c.dep, c.standard, c.folder, c.may, c.except); got != c.want {
			t.Errorf("allowed(%s, in %q, may %q, except %q) = %v, want %v", c.dep, c.folder, c.may, c.except, got, c.want)
		}
	}
}

func TestRequirements(t *testing.T) {
	requirements := regexp.MustCompile(`(?m)^(?:require |\t)(\S+) v\S+$`).FindAllStringSubmatch(read(t, "go.mod"), -1)
	if len(requirements) == 0 {
		t.Fatal("go.mod has no requirement: does this test still find them?")
	}
	for _, r := range requirements {
		if !slices.Contains(directRequirements, r[1]) {
			t.Errorf("go.mod requires %s; only %q may be, others belong to a nested module", r[1], directRequirements)
		}
	}
}

// below reports whether a path is the folder or in it.
func below(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

func list(t *testing.T, args ...string) (packages []goPackage) {
	t.Helper()
	out := goIn(t, ".", append([]string{"list", "-json=ImportPath,Standard,Deps"}, args...)...)
	for dec := json.NewDecoder(strings.NewReader(out)); dec.More(); {
		var p goPackage
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	return packages
}
