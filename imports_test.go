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
	// own stands for a package's imports of its own subtree.
	own = "<own>"
	std = "<std>"
)

// importRules say what the packages below a folder may depend on, directly or
// not, apart from the standard library, where std is given, without except. The
// first rule whose folder holds a package decides.
var importRules = []struct {
	folder string // of the module; '' is the root package
	may    []string
	except []string // of the standard library
}{
	// Equipment of tests and examples: it may use testing, serve HTTP and, below
	// guard and sentryhook, use everything.
	{"internal/testenv", []string{std}, nil},
	{"internal/chromium", []string{std, "internal"}, nil},
	{"internal/ingest", []string{std}, []string{"testing"}},
	{"internal/leakprograms", []string{std, "internal"}, nil},
	{"internal/cgroup/cgrouptest", []string{std, "internal"}, nil},
	{"guard/internal/survival", []string{std, "internal", "profile", "guard", own, "github.com/google/pprof/profile"}, nil},
	// The rooms of sentryhook. The transport and those below it know neither the SDK
	// nor a guard; link knows the SDK and no guard; only gate and sink know a guard.
	{"sentryhook/internal/jsonscan", []string{std}, []string{"testing", "net/http", "encoding/json"}},
	{"sentryhook/internal/compact", []string{std, "sentryhook/internal/jsonscan"}, []string{"testing", "net/http", "encoding/json"}},
	{"sentryhook/internal/receipt", []string{std}, []string{"testing", "net/http"}},
	{"sentryhook/internal/envelope", []string{std, "internal", "profile", "sentryhook/internal/jsonscan", "sentryhook/internal/compact", "github.com/google/pprof/profile"}, []string{"testing"}},
	{"sentryhook/internal/transport", []string{std, "internal", "profile", "sentryhook/internal/jsonscan", "sentryhook/internal/compact", "sentryhook/internal/envelope", "sentryhook/internal/receipt", "github.com/google/pprof/profile"}, []string{"testing"}},
	{"sentryhook/internal/sdk", []string{std, "github.com/getsentry/sentry-go", "golang.org/x/sys", "golang.org/x/text"}, []string{"testing"}},
	{"sentryhook/internal/gate", []string{std, "internal", "profile", "guard", "sentryhook/internal/sdk", "github.com/google/pprof/profile", "github.com/getsentry/sentry-go", "golang.org/x/sys", "golang.org/x/text"}, []string{"testing"}},
	{"sentryhook/internal/link", []string{std, "internal", "sentryhook/internal/sdk", "sentryhook/internal/envelope", "sentryhook/internal/receipt", "sentryhook/internal/compact", "sentryhook/internal/jsonscan", "profile", "github.com/google/pprof/profile", "github.com/getsentry/sentry-go", "golang.org/x/sys", "golang.org/x/text"}, []string{"testing"}},
	{"sentryhook/internal/sink", []string{std, "internal", "profile", "guard", "sentryhook/internal/link", "sentryhook/internal/sdk", "sentryhook/internal/envelope", "sentryhook/internal/receipt", "sentryhook/internal/compact", "sentryhook/internal/jsonscan", "github.com/google/pprof/profile", "github.com/getsentry/sentry-go", "golang.org/x/sys", "golang.org/x/text"}, []string{"testing"}},
	{"sentryhook/internal/relaytest", []string{std}, nil},
	{"sentryhook/internal", []string{std, "internal", "profile", "guard", "sentryhook", "github.com/google/pprof/profile", "github.com/getsentry/sentry-go", "golang.org/x/sys", "golang.org/x/text"}, nil},
	{"guard/internal/fleet", []string{std, "internal", "profile", "guard", "github.com/google/pprof/profile"}, []string{"testing", "net/http"}},
	{"guard/internal/metric", []string{std, "internal", "profile", "guard", "github.com/google/pprof/profile"}, []string{"testing", "net/http"}},
	{"guard/internal/overhead", []string{std, "internal", "profile", "guard", own, "github.com/google/pprof/profile"}, nil},

	// Each of our internal packages is one small thing: none pulls in another
	// that is public, nor what makes a binary larger or listens.
	{"internal", []string{std, "internal"}, []string{"testing", "net", "net/http"}},
	{"profile", []string{std, "internal", own, "github.com/google/pprof/profile"}, []string{"testing", "net/http"}},
	{"guard/guardtest", []string{std, "internal", "profile", "guard", "github.com/google/pprof/profile", "go.uber.org/goleak"}, nil},
	{"guard/guardhttp", []string{std, "internal", "profile", "guard", "github.com/google/pprof/profile"}, []string{"testing"}},
	{"guard", []string{std, "internal", "profile", own, "github.com/google/pprof/profile"}, []string{"testing", "net/http"}},
	// golang.org/x is sentry-go's own.
	{"sentryhook", []string{std, "internal", "profile", "guard", own, "github.com/google/pprof/profile", "github.com/getsentry/sentry-go", "golang.org/x/sys", "golang.org/x/text"}, []string{"testing"}},
	{"examples", []string{std, "internal", "profile", "guard", "guard/guardhttp", "sentryhook", own, "github.com/google/pprof/profile", "github.com/getsentry/sentry-go", "golang.org/x/sys", "golang.org/x/text"}, []string{"testing"}},
	{"", []string{}, nil},
}

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
	if standard {
		return slices.Contains(may, std) && !slices.Contains(except, dep)
	}
	inside, ours := strings.CutPrefix(dep, module+"/")
	for _, m := range may {
		switch {
		case m == own && ours && below(inside, folder):
			return true
		case ours && m == "guard":
			// What is below guard is not guard's, but extends or tests it.
			if inside == m {
				return true
			}
		case ours && below(inside, m):
			return true
		case !ours && below(dep, m):
			return true
		}
	}
	return false
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
		{module + "/internal/procfs", false, "profile", []string{std, "internal"}, nil, true},
		{module + "/guard", false, "profile", []string{std, "internal", own}, nil, false},
		{module + "/guard/guardtest", false, "sentryhook", []string{"guard"}, nil, false},
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
