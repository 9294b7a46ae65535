package guardtest

import (
	"cmp"
	"errors"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// maxParsed is how much source is read to find a call, in bytes: that of nats-server is 8 MiB.
const maxParsed = 32 << 20

// declared is a function, a method or a variable that a package declares.
type declared struct{ pkg, receiver, name string }

// code says who calls whom in the package under test and in the packages of its module and
// of one other module that it imports. Nothing but the source knows that: a goroutine has
// only the name of the function with the go statement, and that is seldom the one that the
// user called.
//
// A call through an interface counts as one of each method that it may mean, a function that
// is only mentioned as called. So there can be more calls than there are.
type code struct {
	modules []module
	budget  int // bytes that may still be read
	set     *token.FileSet
	checked map[string]*types.Package // nil while it is checked
	refs    map[declared][]reference
	callers map[declared][]declared
	// receivers are how stack traces print the receivers of methods, as in '(*Cache[...])'.
	receivers map[declared]string
	subtests  []subtest
}

// module is a module's path and folder.
type module struct{ path, folder string }

// reference is a mention of a function or a variable.
type reference struct {
	to declared
	at token.Pos
}

var sourceCode struct {
	sync.Mutex
	of map[module]*code
}

// codeWith returns the code of the package under test and of that module, as far as its
// source is found. The module may be the zero value.
func codeWith(m module) *code {
	sourceCode.Lock()
	defer sourceCode.Unlock()
	if c := sourceCode.of[m]; c != nil {
		return c
	}
	c := &code{
		modules: []module{m}, budget: maxParsed, set: token.NewFileSet(), checked: make(map[string]*types.Package),
		refs: make(map[declared][]reference), callers: make(map[declared][]declared),
		receivers: make(map[declared]string),
	}
	if own := testedPackage(); own != "" {
		if root, ok := strings.CutSuffix(filepath.ToSlash(testFolder), strings.TrimPrefix(own, mainModule())); ok {
			c.modules = append(c.modules, module{mainModule(), root})
		}
		c.check(own, testFolder, "")
		c.check(own+"_test", testFolder, "_test")
	}
	c.link()
	if c.budget < 0 {
		clear(c.refs) // half of the code would mislead
		clear(c.callers)
	}
	if sourceCode.of == nil {
		sourceCode.of = make(map[module]*code)
	}
	sourceCode.of[m] = c
	return c
}

// testFolder is where go test runs the tests: the folder of the package under test.
var testFolder, _ = os.Getwd()

// Import makes code an importer. The type checker makes do without what is neither in the
// module nor in the user's own.
func (c *code) Import(path string) (*types.Package, error) {
	if p, begun := c.checked[path]; p != nil {
		return p, nil
	} else if !begun {
		for _, m := range c.modules {
			if rest, ok := strings.CutPrefix(path, m.path); ok && m.path != "" && (rest == "" || rest[0] == '/') {
				return c.check(path, filepath.Join(m.folder, filepath.FromSlash(rest)), "")
			}
		}
	}
	return nil, errors.New("not of interest")
}

// check reads a package and notes what its functions refer to. The suffix of an external
// test package is '_test'.
func (c *code) check(pkg, folder, suffix string) (*types.Package, error) {
	c.checked[pkg] = nil
	files, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var parsed []*ast.File
	for _, file := range files {
		name := filepath.Join(folder, file.Name())
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") && folder != testFolder {
			continue
		}
		if fits, err := build.Default.MatchFile(folder, file.Name()); err != nil || !fits {
			continue
		}
		if info, err := file.Info(); err == nil {
			c.budget -= int(info.Size())
		}
		if c.budget < 0 {
			return nil, errors.New("too much source")
		}
		f, err := parser.ParseFile(c.set, name, nil, parser.SkipObjectResolution)
		if err == nil && (folder != testFolder || strings.HasSuffix(f.Name.Name, "_test") == (suffix != "")) {
			parsed = append(parsed, f)
		}
	}
	if len(parsed) == 0 {
		return nil, errors.New("no source")
	}
	info := &types.Info{Defs: make(map[*ast.Ident]types.Object), Uses: make(map[*ast.Ident]types.Object)}
	p := c.typeCheck(pkg, parsed, info)
	if p == nil {
		return nil, errors.New("the type checker panicked")
	}
	c.checked[pkg] = p
	for _, f := range parsed {
		for _, d := range f.Decls {
			c.note(d, info)
		}
	}
	return p, nil
}

// typeCheck returns nil if the type checker panics: that must not end the test.
func (c *code) typeCheck(pkg string, files []*ast.File, info *types.Info) (p *types.Package) {
	defer func() {
		if recover() != nil {
			p = nil
		}
	}()
	config := types.Config{Importer: c, Error: func(error) {}, FakeImportC: true, DisableUnusedImportCheck: true}
	p, _ = config.Check(pkg, c.set, files, info)
	return p
}

// note notes what a declaration refers to.
func (c *code) note(d ast.Decl, info *types.Info) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		f, ok := info.Defs[d.Name].(*types.Func)
		if !ok || d.Body == nil {
			return
		}
		from := declarationOf(f)
		if d.Recv != nil && len(d.Recv.List) == 1 {
			c.receivers[from] = receiverText(d.Recv.List[0].Type)
		}
		c.noteBody(from, d.Body, info)
		if c.own(from) && testOf("."+from.name) != "" {
			c.noteSubtests(d.Body)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			if s, ok := s.(*ast.ValueSpec); ok {
				for _, name := range s.Names {
					if v, ok := info.Defs[name].(*types.Var); ok {
						c.noteBody(declarationOf(v), s, info)
					}
				}
			}
		}
	}
}

func (c *code) noteBody(from declared, body ast.Node, info *types.Info) {
	ast.Inspect(body, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		switch o := info.Uses[id].(type) {
		case *types.Func:
			c.refs[from] = append(c.refs[from], reference{declarationOf(o), id.Pos()})
		case *types.Var:
			if o.Pkg() != nil && o.Parent() == o.Pkg().Scope() {
				c.refs[from] = append(c.refs[from], reference{declarationOf(o), id.Pos()})
			}
		}
		return true
	})
}

// link finds the callers, also through interfaces.
func (c *code) link() {
	for from, refs := range c.refs {
		for _, r := range refs {
			c.callers[r.to] = append(c.callers[r.to], from)
		}
	}
}

// declarationOf returns the name of a function or a variable.
func declarationOf(o types.Object) declared {
	d := declared{name: o.Name()}
	if o.Pkg() != nil {
		d.pkg = o.Pkg().Path()
	}
	f, ok := o.(*types.Func)
	if !ok || f.Signature().Recv() == nil {
		return d
	}
	t := f.Origin().Signature().Recv().Type()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	if n, ok := t.(*types.Named); ok {
		d.receiver = n.Obj().Name()
	} else {
		d.receiver = "?" // an interface without a name
	}
	return d
}

// receiverText returns the type of a receiver as stack traces print it.
func receiverText(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return "(*" + receiverText(e.X) + ")"
	case *ast.IndexExpr:
		return receiverText(e.X) + "[...]"
	case *ast.IndexListExpr:
		return receiverText(e.X) + "[...]"
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// reaching returns all that lead to this function by calls, directly or not, and itself.
func (c *code) reaching(d declared) map[declared]bool {
	all := map[declared]bool{d: true}
	for todo := []declared{d}; len(todo) > 0; todo = todo[1:] {
		for _, caller := range c.callers[todo[0]] {
			if !all[caller] {
				all[caller] = true
				todo = append(todo, caller)
			}
		}
	}
	return all
}

// callsFrom returns the calls of functions among these in a test and in the user's own code
// that it calls, one call of each function. Without a name, or if no test has that name, it
// returns those in the whole package.
func (c *code) callsFrom(test string, among map[declared]bool) (calls []reference) {
	var todo []declared
	for d := range c.refs {
		if c.own(d) && d.receiver == "" && d.name == test {
			todo = append(todo, d)
		}
	}
	if len(todo) == 0 {
		for d := range c.refs {
			if c.own(d) {
				todo = append(todo, d)
			}
		}
	}
	first := make(map[declared]token.Pos)
	seen := make(map[declared]bool)
	for ; len(todo) > 0; todo = todo[1:] {
		if seen[todo[0]] {
			continue
		}
		seen[todo[0]] = true
		for _, r := range c.refs[todo[0]] {
			if c.own(r.to) {
				todo = append(todo, r.to)
			} else if at, ok := first[r.to]; among[r.to] && (!ok || r.at < at) {
				first[r.to] = r.at
			}
		}
	}
	for to, at := range first {
		calls = append(calls, reference{to, at})
	}
	slices.SortFunc(calls, func(a, b reference) int { return cmp.Compare(a.at, b.at) })
	return calls
}

// own reports whether a function is the user's own.
func (c *code) own(d declared) bool {
	return d.pkg == testedPackage() || d.pkg == testedPackage()+"_test" || d.pkg == mainModule() || strings.HasPrefix(d.pkg, mainModule()+"/")
}
