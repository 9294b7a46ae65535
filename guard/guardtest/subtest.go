package guardtest

import (
	"cmp"
	"go/ast"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/leakguard/leakguard/internal/frames"
)

// subtest is a call of t.Run with a function literal, in a test of the package under test.
type subtest struct {
	file        string
	first, last int    // lines of the literal
	name        string // as in the test's name, or '…' if it is not a string in the source
}

// noteSubtests notes the subtests of a test. They nest, outer ones first.
func (c *code) noteSubtests(body ast.Node) {
	ast.Inspect(body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 2 {
			return true
		}
		run, ok := call.Fun.(*ast.SelectorExpr)
		literal, isLiteral := call.Args[1].(*ast.FuncLit)
		if !ok || !isLiteral || run.Sel.Name != "Run" {
			return true
		}
		name := "…"
		if text, ok := call.Args[0].(*ast.BasicLit); ok && text.Kind == token.STRING {
			if value, err := strconv.Unquote(text.Value); err == nil && value != "" {
				name = strings.ReplaceAll(value, " ", "_")
			}
		}
		first, last := c.set.Position(literal.Pos()), c.set.Position(literal.End())
		c.subtests = append(c.subtests, subtest{first.Filename, first.Line, last.Line, name})
		return true
	})
}

// subtestAt returns the name of the subtest of this test at a line, or the test's own.
func (c *code) subtestAt(test, file string, line int) string {
	for _, s := range c.subtests {
		if s.file == filepath.FromSlash(file) && s.first <= line && line <= s.last {
			test += "/" + s.name
		}
	}
	return test
}

// subtestsOf returns the subtests that started the goroutines of a test, as far as the source
// shows them. Main can label no more than the test, because the testing package has no hook
// for subtests; those that call VerifyNone have labels of their own.
func (g *group) subtestsOf(test string) (names []string) {
	if test == "" || strings.Contains(test, "/") {
		return []string{test}
	}
	for _, by := range g.creators {
		if other := testOf(by.function); other != "" && other != test {
			continue // of a goroutine that looks the same
		}
		if name := by.subtestOf(test); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return []string{test}
	}
	return names
}

// subtestOf returns the subtest of a test whose calls lead to the creator, or the test if
// there is none, or several.
func (by creator) subtestOf(test string) string {
	if by.function == "" || frames.IsStandard(frames.PackageOf(by.function)) {
		return test
	}
	file, line, _ := cutLast(by.at, ":")
	var m module
	if !by.own() {
		var ok bool
		if m, ok = moduleOf(by.function, file); !ok {
			return test
		}
	}
	c := codeWith(m)
	start := inStack(by.function)
	if start.name == test && start.receiver == "" {
		n, err := strconv.Atoi(line)
		if err != nil {
			return test
		}
		return c.subtestAt(test, file, n)
	}
	among := c.reaching(start)
	found := ""
	for d := range among {
		if d.name != test || d.receiver != "" || !c.own(d) {
			continue
		}
		for _, r := range c.refs[d] {
			if !among[r.to] {
				continue
			}
			at := c.set.Position(r.at)
			name := c.subtestAt(test, at.Filename, at.Line)
			if found != "" && found != name {
				return test
			}
			found = name
		}
	}
	return cmp.Or(found, test)
}
