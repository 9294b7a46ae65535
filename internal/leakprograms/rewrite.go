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

// rewritten returns a leak program's source in the form that a driver needs, and
// the names that it registers. It changes three things, all of which exist only
// because upstream's driver runs a program once. The new functions are in
// testdata/register.go.
//
//   - The program writes the goroutineleak profile to stdout when it is done.
//     settled() replaces it by a profile whose WriteTo does nothing.
//   - Before that it sleeps until its goroutines are stuck. The driver waits by
//     itself, so pause() returns at once.
//   - It starts up to 3,000 copies of the bug, since the bug may be rare.
//     atMost() lets the driver set the number.
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
		return nil, nil, fmt.Errorf("%s registers %d programs and looks up %d profiles: this test does not know how to repeat such a program", name, len(registered), profiles)
	}
	var b strings.Builder
	if err := format.Node(&b, fset, file); err != nil {
		return nil, nil, err
	}
	return []byte(b.String()), registered, nil
}

// calls reports whether call is a call of the function with this name.
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

// settle removes the profile and the wait before it from fn. It returns the number
// of profiles that fn looked up.
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

// bound lets the driver set how many copies of the bug fn starts: it replaces every
// number of 10 or more in fn itself, but not in closures.
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
