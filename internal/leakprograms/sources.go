package leakprograms

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/leakguard/leakguard/internal/testenv"
)

// Program is one of the programs with which the Go distribution tests its
// goroutineleak profile.
type Program struct {
	Name   string
	Folder string // the folder it is written to: 'simple' or 'goker'
	File   string // its file name in there; in simple, several programs share a file
	// roots are what the distribution's test expects to leak. They match the function
	// that a goroutine was started with, written as 'f(args)'.
	roots []*regexp.Regexp
}

// Known reports whether the distribution's test has an expectation for the program.
// It has none for Kubernetes1321, which is too flaky.
func (p Program) Known() bool { return p.roots != nil }

// Healthy reports whether the distribution's test expects no leak.
func (p Program) Healthy() bool { return p.roots != nil && len(p.roots) == 0 }

// Leaks reports whether the distribution's test expects a leaked goroutine that was
// started with the function, whose name includes its package.
func (p Program) Leaks(function string) bool {
	_, name, _ := strings.Cut(function[strings.LastIndexByte(function, '/')+1:], ".")
	return slices.ContainsFunc(p.roots, func(re *regexp.Regexp) bool { return re.MatchString(name + "()") })
}

// Module is a module on disk with a folder for each set of programs. The files of a
// set and the driver's files form one package main.
type Module struct {
	Dir      string
	Folders  []string // 'simple' and, where tests run whole, 'goker'
	Programs []Program
	version  string // Go version
}

//go:embed testdata/register.go
var register []byte

// Write writes the programs to a temporary folder as a module, with the drivers' files in
// each of its packages. It writes the programs of GoKer only with STRICT_CI=1: they take
// ten times as long to build and run. Choose a module path below one of this library's
// folders to let it import internal packages. If the distribution does not have the
// programs, the test is skipped, or fails in CI.
func Write(t *testing.T, path string, drivers ...string) Module {
	t.Helper()
	version, goroot := goEnv(t, "GOVERSION"), goEnv(t, "GOROOT")
	if !regexp.MustCompile(`^go1\.(2[6-9]|[3-9]\d)|devel`).MatchString(version) {
		t.Skipf("%s does not ship the leak programs; Go 1.26 does", version)
	}
	_, err := os.Stat(filepath.Join(goroot, "src/runtime/testdata/testgoroutineleakprofile/goker"))
	testenv.Need(t, err == nil, "this Go distribution lacks the leak programs under GOROOT/src/runtime/testdata")
	repo := filepath.Dir(goEnv(t, "GOMOD"))
	m := Module{Dir: t.TempDir(), version: version, Folders: testenv.Scaled([]string{"simple", "goker"}, []string{"simple"})}
	m.Programs, err = m.sources(goroot, repo, path, drivers)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Go runs the go command in the module. Its dependencies are in the module cache
// once this library's own module has been built.
func (m Module) Go(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = m.Dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	if strings.HasPrefix(m.version, "go1.26") {
		cmd.Env = append(cmd.Env, "GOEXPERIMENT=goroutineleakprofile")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s with the leak programs: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// sources writes the programs and returns them.
func (m Module) sources(goroot, repo, path string, drivers []string) ([]Program, error) {
	folder := filepath.Join(goroot, "src", "runtime", "testdata", "testgoroutineleakprofile")
	expected, err := expectations(filepath.Join(goroot, "src", "runtime", "goroutineleakprofile_test.go"))
	if err != nil {
		return nil, err
	}
	shared := map[string][]byte{"register.go": register}
	for _, driver := range drivers {
		if shared[filepath.Base(driver)], err = os.ReadFile(driver); err != nil {
			return nil, err
		}
	}
	sum, err := os.ReadFile(filepath.Join(repo, "go.sum"))
	if err != nil {
		return nil, err
	}
	mod := "module " + path + "\n\ngo 1.25.0\n\n" +
		"require github.com/leakguard/leakguard v0.0.0\n\nreplace github.com/leakguard/leakguard => " + strconv.Quote(repo) + "\n"
	write := func(name string, content []byte) error {
		path := filepath.Join(m.Dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		return os.WriteFile(path, content, 0o600)
	}
	if err := write("go.mod", []byte(mod)); err != nil {
		return nil, err
	}
	if err := write("go.sum", sum); err != nil {
		return nil, err
	}
	var programs []Program
	for _, sub := range m.Folders {
		from := folder
		if sub == "goker" {
			from = filepath.Join(folder, sub)
		}
		paths, err := filepath.Glob(filepath.Join(from, "*.go"))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			name := filepath.Base(path)
			if name == "main.go" {
				continue
			}
			src, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			out, registered, err := rewritten(name, src)
			if err != nil {
				return nil, err
			}
			if err := write(filepath.Join(sub, name), out); err != nil {
				return nil, err
			}
			for _, r := range registered {
				programs = append(programs, Program{r, sub, name, expected[r]})
			}
		}
		for name, content := range shared {
			if err := write(filepath.Join(sub, name), content); err != nil {
				return nil, err
			}
		}
	}
	return programs, nil
}

// expectations reads from the distribution's own test which functions each program
// leaks.
func expectations(path string) (map[string][]*regexp.Regexp, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	expected := make(map[string][]*regexp.Regexp)
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || !calls(call, "makeTest") && !calls(call, "makeFlakyTest") {
			return true
		}
		var words []string
		for _, arg := range call.Args {
			if lit, ok := arg.(*ast.BasicLit); ok {
				if s, err := strconv.Unquote(lit.Value); err == nil {
					words = append(words, s)
				}
			}
		}
		if len(words) == 0 {
			return true
		}
		expected[words[0]] = []*regexp.Regexp{}
		for _, leak := range words[1:] {
			// The wait reason follows ' \[', in the words of the text dump. The function
			// comes before it.
			function, _, _ := strings.Cut(leak, ` \[`)
			re, e := regexp.Compile(function)
			if e != nil {
				err = e
			}
			expected[words[0]] = append(expected[words[0]], re)
		}
		return true
	})
	if err == nil && len(expected) == 0 {
		err = fmt.Errorf("%s: no makeTest found", path)
	}
	return expected, err
}
