package leakguard_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/leakguard/leakguard/guard"
)

// TestReadmeInstall does what README says to a stranger: it takes the commands
// under Install, with this checkout for the one beside the module, and builds
// the ten lines of code.
func TestReadmeInstall(t *testing.T) {
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := blocks(t, section(t, "Ten lines of code"), "go")[0]
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	goIn(t, dir, "mod", "init", "example.com/service")
	commands := strings.TrimSpace(blocks(t, section(t, "Install"), "sh")[0])
	for command := range strings.Lines(commands) {
		fields := strings.Fields(command)
		if len(fields) < 2 || fields[0] != "go" {
			t.Fatalf("Install has a command that is not go's: %s", command)
		}
		for i := range fields {
			fields[i] = strings.Replace(fields[i], "../leakguard", filepath.ToSlash(root), 1)
		}
		goIn(t, dir, fields[1:]...)
	}
	goIn(t, dir, "vet", ".")
}

// TestReadmeNames asserts that what README tells of is there: folders and
// files, packages with their benchmarks, and that its tables are complete.
func TestReadmeNames(t *testing.T) {
	readme := read(t, "README.md")
	paths := regexp.MustCompile(`(?:go run \./|\]\()([a-zA-Z][\w./-]*)`).FindAllStringSubmatch(readme, -1)
	if len(paths) < 5 {
		t.Fatalf("README names %d paths, want a few: does this test still find them?", len(paths))
	}
	for _, p := range paths {
		if _, err := os.Stat(p[1]); err != nil {
			t.Errorf("README: %v", err)
		}
	}

	benchmarks := regexp.MustCompile("`([a-z/]+)` (Benchmark\\w+)").FindAllStringSubmatch(readme, -1)
	if len(benchmarks) < 5 {
		t.Fatalf("README names %d benchmarks, want a few: does this test still find them?", len(benchmarks))
	}
	for _, b := range benchmarks {
		if !strings.Contains(testSources(t, b[1]), "func "+b[2]+"(b ") {
			t.Errorf("README names %s in %s, which has none", b[2], b[1])
		}
	}

	var rules []string
	for _, r := range guard.DefaultRules(guard.Limits{KillSource: "host", Kill: 1 << 30}) {
		rules = append(rules, r.Name)
	}
	if got := firstColumn(section(t, "What you get"), "rule"); !slices.Equal(got, rules) {
		t.Errorf("README has the default rules %q, want %q", got, rules)
	}

	t.Setenv("LEAKGUARD_NO_SUCH_SETTING", "1")
	_, err := guard.Config{}.WithEnv()
	if err == nil {
		t.Fatal("WithEnv takes a variable that it does not know")
	}
	_, list, _ := strings.Cut(err.Error(), "there are ")
	settings := regexp.MustCompile(`LEAKGUARD_\w+`).FindAllString(list, -1)
	got := firstColumn(section(t, "What you get"), "variable")
	slices.Sort(got)
	slices.Sort(settings)
	if len(settings) == 0 || !slices.Equal(got, settings) {
		t.Errorf("README has the variables %q, want %q", got, settings)
	}
}

// section returns README's section of that title.
func section(t *testing.T, title string) string {
	t.Helper()
	_, rest, ok := strings.Cut(read(t, "README.md"), "\n## "+title+"\n")
	if !ok {
		t.Fatalf("README has no section %q", title)
	}
	text, _, _ := strings.Cut(rest, "\n## ")
	return text
}

// blocks returns the code blocks of that language; there is at least one.
func blocks(t *testing.T, markdown, language string) (code []string) {
	t.Helper()
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(markdown, -1) {
		code = append(code, m[1])
	}
	if len(code) == 0 {
		t.Fatalf("no block of %s in:\n%s", language, markdown)
	}
	return code
}

// firstColumn returns the first cells of the table whose head begins so.
func firstColumn(markdown, head string) (cells []string) {
	_, rows, _ := strings.Cut(markdown, "\n| "+head+" |")
	for i, row := range strings.Split(rows, "\n") {
		if i < 2 {
			continue // the rest of the head, and the rule below it
		}
		cell, _, ok := strings.Cut(strings.TrimPrefix(row, "| "), " |")
		if !ok {
			break
		}
		cells = append(cells, strings.Trim(cell, "`"))
	}
	return cells
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

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(data), "\r\n", "\n")
}

// goIn runs the go command in a folder and returns its standard output.
func goIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}
