package leakprograms

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// rewritten gives a leak program's source as a driver needs it, and the names
// that it registers. Three things change, each of which exists only because
// upstream's driver runs a program once (the new functions are in
// testdata/register.go):
//
//   - It writes the goroutineleak profile to stdout when it is done. settled()
//     gives it a profile whose writing does nothing.
//   - Before that it sleeps for its goroutines to get stuck. The driver waits by
//     itself, so pause() returns at once.
//   - It starts up to 3,000 copies of the bug, since the bug may be a rare one.
//     atMost() lets the driver say how many.
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
