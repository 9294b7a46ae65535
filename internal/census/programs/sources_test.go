package programs_test

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// leakProgram is one of the programs that the Go distribution ships to test its
// own goroutineleak profile with.
type leakProgram struct {
	name   string
	folder string // below the programs' folder: '' or 'goker'
	// roots are what the distribution's test expects to leak: it matches the
	// function that a goroutine was started with, as 'f(args)'.
	roots []*regexp.Regexp
}

// rewritten gives a leak program's source as the driver needs it, and the names
// that it registers. Three things change, each of which exists only because
// upstream's driver runs a program once:
//
//   - It writes the goroutineleak profile to stdout when it is done. The driver's
//     settled() gives it a profile whose writing does nothing.
//   - Before that it sleeps for its goroutines to get stuck. The driver waits by
//     itself, so its pause() returns at once.
//   - It starts up to 3,000 copies of the bug, since the bug may be a rare one.
//     The driver's atMost() says how many of them a round needs.
func rewritten(name string, src []byte) (out []byte, registered []string, err error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, nil, err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && calls(call, "register") {
			if s, err := strconv.Unquote(call.Args[0].(*ast.BasicLit).Value); err == nil {
				registered = append(registered, s)
			}
		}
		return true
	})
	profiles := 0
	for _, decl := range file.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		profiles += settle(fn)
		if slices.Contains(registered, fn.Name.Name) && fn.Recv == nil {
			bound(fn)
		}
	}
	if len(registered) == 0 || profiles == 0 {
		return nil, nil, fmt.Errorf("%s registers %d programs and looks up %d profiles: it is not of the form this test knows how to repeat", name, len(registered), profiles)
	}
	var b strings.Builder
	if err := format.Node(&b, fset, file); err != nil {
		return nil, nil, err
	}
	return []byte(b.String()), registered, nil
}

// calls says whether call's function reads so in the source.
func calls(call *ast.CallExpr, name string) bool {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name == name
	case *ast.SelectorExpr:
		x, ok := f.X.(*ast.Ident)
		return ok && x.Name+"."+f.Sel.Name == name
	}
	return false
}

// settle takes the profile and the wait before it out of fn, and says how many
// profiles it looked up.
func settle(fn *ast.FuncDecl) int {
	profiles := 0
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if call, ok := n.Rhs[0].(*ast.CallExpr); ok && calls(call, "pprof.Lookup") {
				n.Rhs[0] = &ast.CallExpr{Fun: ast.NewIdent("settled"), Args: []ast.Expr{call}}
				profiles++
				return false
			}
		case *ast.DeferStmt:
			block, ok := n.Call.Fun.(*ast.FuncLit)
			if !ok || !writesProfile(block.Body) {
				return true
			}
			for _, s := range block.Body.List {
				if e, ok := s.(*ast.ExprStmt); ok {
					if call, ok := e.X.(*ast.CallExpr); ok && calls(call, "time.Sleep") {
						call.Fun = ast.NewIdent("pause")
					}
				}
			}
		}
		return true
	})
	return profiles
}

func writesProfile(body *ast.BlockStmt) bool {
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		found = found || ok && calls(call, "prof.WriteTo")
		return true
	})
	return found
}

// bound lets the driver choose how many copies of the bug fn starts: every
// number of 10 or more that stands in fn itself, not in a closure of it.
func bound(fn *ast.FuncDecl) {
	limited := func(e ast.Expr) ast.Expr {
		lit, ok := e.(*ast.BasicLit)
		if !ok || lit.Kind != token.INT || len(lit.Value) < 2 {
			return e
		}
		return &ast.CallExpr{Fun: ast.NewIdent("atMost"), Args: []ast.Expr{lit}}
	}
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.BinaryExpr:
			n.Y = limited(n.Y)
		case *ast.CallExpr:
			if calls(n, "atMost") {
				return false
			}
			for i := range n.Args {
				n.Args[i] = limited(n.Args[i])
			}
		}
		return true
	})
}

// sources writes the programs, rewritten, and the driver as a module of its own
// below dir, and returns the programs. The module's path lies below
// internal/census: so it may import it.
func sources(goroot, dir, repo, driver string) ([]leakProgram, error) {
	folder := filepath.Join(goroot, "src", "runtime", "testdata", "testgoroutineleakprofile")
	expected, err := expectations(filepath.Join(goroot, "src", "runtime", "goroutineleakprofile_test.go"))
	if err != nil {
		return nil, err
	}
	main, err := os.ReadFile(driver)
	if err != nil {
		return nil, err
	}
	sum, err := os.ReadFile(filepath.Join(repo, "go.sum"))
	if err != nil {
		return nil, err
	}
	mod := "module github.com/leakguard/leakguard/internal/census/programs/leaks\n\ngo 1.25.0\n\n" +
		"require github.com/leakguard/leakguard v0.0.0\n\nreplace github.com/leakguard/leakguard => " + strconv.Quote(repo) + "\n"
	write := func(name string, content []byte) error {
		path := filepath.Join(dir, name)
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
	var programs []leakProgram
	for _, sub := range []string{"simple", "goker"} {
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
				programs = append(programs, leakProgram{r, sub, expected[r]})
			}
		}
		if err := write(filepath.Join(sub, "main.go"), main); err != nil {
			return nil, err
		}
	}
	return programs, nil
}

// expectations reads from the distribution's own test which functions each
// program leaks.
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
			// What follows ' \[' is the wait reason, in the words of the text
			// dump; the function is before it.
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
		err = fmt.Errorf("%s: no makeTest in it", path)
	}
	return expected, err
}
