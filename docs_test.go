package leakguard_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/leakguard/leakguard/guard"
)

// TestDocsCode compiles every block of Go in the documentation. A block of a
// nested module, which the root cannot import, must consist of lines of that
// module's own example instead: '<!-- lines of: FILE -->' before it says which.
func TestDocsCode(t *testing.T) {
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	overlay := make(map[string]string) // a file that is not there, by the one that stands for it
	add := func(pkg, name, text string) {
		file := filepath.Join(dir, pkg+"-"+name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay[filepath.Join(root, "docs", pkg, name)] = file
	}
	args := []string{"build", "-overlay", filepath.Join(dir, "overlay.json")}
	copied := 0
	for _, name := range documentation(t) {
		for _, b := range readPage(t, name).blocks {
			switch file, lines := strings.CutPrefix(b.directive, "lines of: "); {
			case b.language != "go":
			case lines:
				copied++
				requireLines(t, b, file)
			default:
				pkg := fmt.Sprintf("block%d", len(args))
				add(pkg, "block.go", completeGo(t, b))
				add(pkg, "standins.go", standIns)
				args = append(args, "./docs/"+pkg)
			}
		}
	}
	if len(args) < 10 || copied < 4 {
		t.Fatalf("the documentation has %d blocks that compile and %d that are copied: does this test still find them?", len(args)-3, copied)
	}
	data, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(args[2], data, 0o600); err != nil {
		t.Fatal(err)
	}
	goIn(t, root, args...)
}

// requireLines fails for each line of a block that the file does not have.
func requireLines(t *testing.T, b block, file string) {
	t.Helper()
	var have []string
	for line := range strings.Lines(read(t, file)) {
		have = append(have, strings.TrimSpace(line))
	}
	for line := range strings.Lines(b.text) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(have, line) {
			t.Errorf("%s: %s has no line %q", b.where, file, line)
		}
	}
}

// standIns are what blocks refer to and do not declare.
const standIns = `package block

import (
	"context"
	"net/http"

	"github.com/leakguard/leakguard/guard"
)

var (
	ctx  = context.Background()
	g    *guard.Guard
	mux  *http.ServeMux
	auth func(http.Handler) http.Handler
)

func handleOne(context.Context) {}
`

// importable are the packages that blocks use without an import.
var importable = []string{
	"context", "errors", "fmt", "log", "log/slog", "net/http", "os", "strings", "testing", "time",
	module + "/guard", module + "/guard/guardhttp", module + "/guard/guardtest",
	module + "/profile", module + "/profile/incident", module + "/profile/diff", module + "/profile/report",
	module + "/sentryhook", "github.com/getsentry/sentry-go",
}

// completeGo makes a file of a block: it adds imports and, around statements, a
// function in which no variable goes unused.
func completeGo(t *testing.T, b block) string {
	t.Helper()
	fset := token.NewFileSet()
	body := b.text
	f, err := parser.ParseFile(fset, "", "package block\n"+body, 0)
	if err != nil {
		body = "func _() error {\n" + b.text
		if f, err = parser.ParseFile(fset, "", "package block\n"+body+"}", 0); err != nil {
			t.Fatalf("%s: neither declarations nor statements: %v", b.where, err)
		}
		for _, s := range f.Decls[0].(*ast.FuncDecl).Body.List {
			if define, ok := s.(*ast.AssignStmt); ok && define.Tok == token.DEFINE {
				for _, v := range define.Lhs {
					if name := v.(*ast.Ident).Name; name != "_" {
						body += "_ = " + name + "\n"
					}
				}
			}
		}
		body += "return nil\n}\n"
	}
	var imports strings.Builder
	for _, p := range importable {
		name := strings.TrimSuffix(path.Base(p), "-go")
		if slices.ContainsFunc(f.Unresolved, func(id *ast.Ident) bool { return id.Name == name }) {
			fmt.Fprintf(&imports, "import %s %q\n", name, p)
		}
	}
	return fmt.Sprintf("package block\n%s//line %s\n%s", &imports, b.where, body)
}

// TestDocsExcerpts compares what the documentation says that a program prints
// with the golden file that '<!-- excerpt: FILE -->' before the block names: its
// lines are in the file, in that order. '…' stands for what is left out.
func TestDocsExcerpts(t *testing.T) {
	found := 0
	for _, name := range documentation(t) {
		for _, b := range readPage(t, name).blocks {
			file, ok := strings.CutPrefix(b.directive, "excerpt: ")
			if !ok {
				continue
			}
			found++
			golden := strings.Split(read(t, file), "\n")
			for line := range strings.Lines(b.text) {
				if line = strings.TrimSpace(line); line == "" || line == "…" {
					continue
				}
				pattern := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*") + "$")
				i := slices.IndexFunc(golden, func(g string) bool { return pattern.MatchString(strings.TrimSpace(g)) })
				if i < 0 {
					t.Errorf("%s: %s has no such line, or has it earlier: %s", b.where, file, line)
					continue
				}
				golden = golden[i+1:]
			}
		}
	}
	if found < 3 {
		t.Errorf("found %d excerpts, want 3 or more: does this test still find them?", found)
	}
}

// TestDocsLinks asserts that each relative link leads to a file, and its fragment
// to a heading; and that no picture is left unused.
func TestDocsLinks(t *testing.T) {
	shown := make(map[string]bool)
	relative := 0
	for _, name := range documentation(t) {
		for _, link := range readPage(t, name).links() {
			file, fragment, _ := strings.Cut(link, "#")
			target := path.Join(path.Dir(name), file)
			if file == "" {
				target = name
			}
			relative++
			shown[target] = true
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links %s: %v", name, link, err)
				continue
			}
			if fragment != "" && !slices.Contains(readPage(t, target).anchors(), fragment) {
				t.Errorf("%s links %s, and %s has no such heading", name, link, target)
			}
		}
	}
	if relative < 50 {
		t.Errorf("found %d relative links: does this test still find them?", relative)
	}
	pictures, err := filepath.Glob("docs/*.png")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pictures {
		if !shown[filepath.ToSlash(p)] {
			t.Errorf("no page shows %s", p)
		}
	}
}

// TestDocsNames asserts that the folders, benchmarks and tests are there that
// the documentation tells its readers to run.
func TestDocsNames(t *testing.T) {
	commands := regexp.MustCompile("go (?:run|test|vet|build) [^\n`|]*?\\./([\\w/]+)")
	benchmarks := regexp.MustCompile("`([a-z/]+)` (Benchmark\\w+)")
	tests := regexp.MustCompile("`(Test\\w+)` (?:in|of) `([a-z/]+)`")
	runs := regexp.MustCompile("go test[^\n`|]* -run (Test\\w+) \\./([\\w/]+)")
	var counts [4]int
	require := func(page, name, folder, declaration string) {
		if !strings.Contains(testSources(t, folder), "func "+declaration) {
			t.Errorf("%s names %s of %s, which has none", page, name, folder)
		}
	}
	for _, name := range documentation(t) {
		text := read(t, name)
		for _, m := range commands.FindAllStringSubmatch(text, -1) {
			counts[0]++
			if _, err := os.Stat(m[1]); err != nil {
				t.Errorf("%s: %q: %v", name, m[0], err)
			}
		}
		text = strings.Join(strings.Fields(text), " ") // a line may end anywhere
		for _, m := range benchmarks.FindAllStringSubmatch(text, -1) {
			counts[1]++
			require(name, m[2], m[1], m[2]+"(b ")
		}
		for _, m := range tests.FindAllStringSubmatch(text, -1) {
			counts[2]++
			require(name, m[1], m[2], m[1]+"(t ")
		}
		for _, m := range runs.FindAllStringSubmatch(text, -1) {
			counts[3]++
			require(name, m[1], m[2], m[1]) // -run takes the beginning of a name
		}
	}
	if counts[0] < 10 || counts[1] < 20 || counts[2] < 3 || counts[3] < 4 {
		t.Errorf("found %d commands, benchmarks, tests and tests to run: does this test still find them?", counts)
	}
}

// TestDocsTables asserts that tables of what there is are complete.
func TestDocsTables(t *testing.T) {
	same := func(what string, got, want []string) {
		t.Helper()
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("the documentation has the %s\n\t%q, want\n\t%q", what, got, want)
		}
	}
	var rules, events []string
	for _, r := range guard.DefaultRules(guard.Limits{KillSource: "host", Kill: 1 << 30}) {
		rules = append(rules, r.Name)
	}
	page := readPage(t, "docs/rules.md")
	same("default rules", page.section(t, "The default rules").firstColumn(t, "rule"), rules)
	for _, k := range []guard.EventKind{guard.Opened, guard.Captured, guard.Escalated, guard.Explained, guard.Recovered, guard.PreviousDeath} {
		events = append(events, k.String())
	}
	same("events", page.section(t, "Events").firstColumn(t, "event"), events)

	const unknown = "LEAKGUARD_NO_SUCH_SETTING"
	t.Setenv(unknown, "1")
	_, err := guard.Config{}.WithEnv()
	if err == nil {
		t.Fatal("WithEnv takes a variable that it does not know")
	}
	settings := regexp.MustCompile(`LEAKGUARD_\w+`).FindAllString(err.Error(), -1)
	settings = slices.DeleteFunc(settings, func(name string) bool { return name == unknown })
	got := readPage(t, "docs/configuration.md").section(t, "Environment variables").firstColumn(t, "variable")
	slices.Sort(got)
	slices.Sort(settings)
	same("variables", got, settings)
}

// testSources returns the tests of the package in a folder.
func testSources(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range files {
		all.WriteString(read(t, f))
	}
	return all.String()
}
