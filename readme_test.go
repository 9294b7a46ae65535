package leakguard_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// mostReadmeWords keep README to what somebody reads before they decide. What is
// longer belongs to a page in docs.
const mostReadmeWords = 1200

func TestReadmeLength(t *testing.T) {
	words := 0
	for _, field := range strings.Fields(readPage(t, "README.md").prose) {
		if strings.ContainsFunc(field, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			words++
		}
	}
	t.Logf("%d words", words)
	if words > mostReadmeWords {
		t.Errorf("README has %d words outside code blocks, want at most %d: move something to docs", words, mostReadmeWords)
	}
	if words < mostReadmeWords/4 {
		t.Errorf("README has only %d words: does this test still count them?", words)
	}
}

// TestReadmeInstall does what README tells a stranger to do: it runs the commands
// under Install, with this checkout for the one beside the module, and builds the
// first block of code.
func TestReadmeInstall(t *testing.T) {
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	readme := readPage(t, "README.md")
	dir := t.TempDir()
	program := completeGo(t, readme.code(t, "go")[0])
	if err := os.WriteFile(filepath.Join(dir, "service.go"), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	goIn(t, dir, "mod", "init", "example.com/service")
	commands := readme.section(t, "Install").code(t, "sh")[0].text
	for command := range strings.Lines(strings.TrimSpace(commands)) {
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

// TestReadmePackages asserts that README's table has every package that users
// can import or run.
func TestReadmePackages(t *testing.T) {
	listed := readPage(t, "README.md").section(t, "Packages").firstColumn(t, "package")
	var public []string
	for _, p := range list(t, "./...") {
		folder := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if folder == "" || below(folder, "examples") || slices.Contains(strings.Split(folder, "/"), "internal") ||
			folder == "sentryhook/realtest" {
			continue
		}
		public = append(public, folder)
	}
	nested, err := filepath.Glob("guard/*/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range nested {
		public = append(public, filepath.ToSlash(filepath.Dir(file)))
	}
	if len(nested) < 4 || len(public) < 8 {
		t.Errorf("found only the packages %q: does this test still find them?", public)
	}
	for _, folder := range public {
		if !slices.Contains(listed, folder) {
			t.Errorf("README does not list the package %s", folder)
		}
	}
}

// TestReadmeLinksEachPage asserts that nobody has to know a page to find it.
func TestReadmeLinksEachPage(t *testing.T) {
	var linked []string
	for _, l := range readPage(t, "README.md").links() {
		file, _, _ := strings.Cut(l, "#")
		linked = append(linked, file)
	}
	for _, name := range documentation(t) {
		if name != "README.md" && !slices.Contains(linked, name) {
			t.Errorf("README does not link %s", name)
		}
	}
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
