package guardtest

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/leakguard/leakguard/internal/frames"
)

// mostCalls is how many calls are named that may have started a goroutine. More say nothing.
const mostCalls = 3

// inDependency reports whether goroutines with this stack wait in a dependency and run no
// code of the user's own.
func inDependency(stack []frames.Frame) (is bool) {
	for _, f := range stack {
		if frames.Own(f, mainModule()) {
			return false
		}
		is = is || !frames.IsStandard(frames.PackageOf(f.Function))
	}
	return is
}

// causeInDependency says how goroutines end that wait in a dependency. Nobody can mend the
// code of a dependency, but what it returned can be closed. Without the call that started
// them, it returns "".
func (g *group) causeInDependency() string {
	function, file := g.origin()
	calls := g.libraryCalls(function, file)
	if len(calls) == 0 {
		return ""
	}
	var texts []string
	owner := calls[0].owner
	for _, l := range calls {
		text := l.text
		if l.at != "" {
			text += " (" + l.at + ")"
		}
		texts = append(texts, text)
		if l.method {
			owner = l.owner // that of a constructor is the same
		}
	}
	return fmt.Sprintf("a goroutine of package %s, started by %s: close, stop or shut down %s",
		publicPackage(function), strings.Join(texts, " or "), owner)
}

// publicPackage returns the package of a function, or that around it which users import.
func publicPackage(function string) string {
	pkg, _, _ := strings.Cut(frames.PackageOf(function)+"/", "/internal/")
	return strings.TrimSuffix(pkg, "/")
}

// origin returns the function of a dependency that started the goroutines, or that they were
// started with, or failing that the one in which they wait.
func (g *group) origin() (function, file string) {
	if c := g.creator; c.function != "" && !c.own() && !frames.IsStandard(frames.PackageOf(c.function)) {
		file, _, _ := cutLast(c.at, ":")
		return c.function, file
	}
	for _, f := range slices.Backward(g.frames()) {
		if pkg := frames.PackageOf(f.Function); !frames.IsStandard(pkg) && !startedIn(f.Function) {
			return f.Function, f.File
		}
	}
	return "", ""
}

// causeInCall says the same of goroutines of the user's own that wait in a call of a
// dependency, or returns "" if they do not.
func causeInCall(stack []frames.Frame) string {
	own := slices.IndexFunc(stack, func(f frames.Frame) bool { return frames.Own(f, mainModule()) })
	for i := own - 1; i >= 0; i-- {
		if frames.IsStandard(frames.PackageOf(stack[i].Function)) {
			continue
		}
		if l, ok := exported(stack[i].Function, stack[i].File); ok {
			return fmt.Sprintf("its call of %s has not returned: close, stop or cancel what that was called on or was given", l.text)
		}
		return "its call into package " + frames.PackageOf(stack[i].Function) + " has not returned: close, stop or cancel what that was called on or was given"
	}
	return ""
}

// own reports whether the creator is code of the user's own.
func (c creator) own() bool {
	file, _, _ := cutLast(c.at, ":")
	return c.function != "" && frames.OwnPackage(frames.PackageOf(c.function), file, mainModule())
}

// libraryCalls returns the calls in the user's own code that may have started the
// goroutines, or failing that the function of the dependency that did, if it is exported.
//
// A goroutine knows no more of its origin than the function with the go statement. The
// source of the dependency says which of its functions lead there, and the source of the
// test which of these it calls.
func (g *group) libraryCalls(function, file string) []libraryCall {
	l, usable := exported(function, file)
	if usable && g.creator.own() { // go cache.Start()
		l.at = openableLine(g.creator.at)
		return []libraryCall{l}
	}
	if calls := g.callsInSource(function, file); len(calls) > 0 && len(calls) <= mostCalls {
		return calls
	}
	if usable {
		return []libraryCall{l}
	}
	return nil
}

// callsInSource returns the calls in the source of the test that lead to the function that
// started the goroutines.
func (g *group) callsInSource(function, file string) (calls []libraryCall) {
	m, ok := moduleOf(function, file)
	if !ok {
		return nil
	}
	c := codeWith(m)
	test, _, _ := strings.Cut(cmp.Or(testName(g.test), g.creator.test), "/")
	start := inStack(function)
	among := c.reaching(start)
	found := c.callsFrom(test, among)
	// Some libraries start all their goroutines in one function, to which they pass what to
	// run. The call leads to that, too.
	stack := g.frames()
	for i := len(stack) - 1; i > 0; i-- {
		if runs := inStack(stack[i-1].Function); inStack(stack[i].Function) == start && runs != start {
			both := c.reaching(runs)
			maps.DeleteFunc(both, func(d declared, _ bool) bool { return !among[d] })
			if fewer := c.callsFrom(test, both); len(fewer) > 0 {
				found = fewer
			}
			break
		}
	}
	for _, r := range found {
		l := newLibraryCall(c.checked[r.to.pkg].Name(), c.receivers[r.to], r.to)
		if !l.method {
			l.owner = c.ownerOf(r.to)
		}
		at := c.set.Position(r.at)
		l.at = openableLine(fmt.Sprintf("%s:%d", at.Filename, at.Line))
		calls = append(calls, l)
	}
	return calls
}

// ownerOf says what ends what a function has started.
func (c *code) ownerOf(d declared) string {
	f, ok := c.checked[d.pkg].Scope().Lookup(d.name).(*types.Func)
	switch {
	case !ok:
	case f.Signature().Results().Len() == 0:
		return "what it was given"
	case strings.HasSuffix(types.TypeString(f.Signature().Results().At(0).Type(), nil), "Option"):
		return "what that option was given to"
	}
	return "what it returned"
}

// moduleOf returns the module of a function, with the folder of its source.
func moduleOf(function, file string) (m module, ok bool) {
	m.path = frames.ModuleOf(function, file, mainModule())
	m.folder, ok = strings.CutSuffix(path.Dir(filepath.ToSlash(file)), strings.TrimPrefix(frames.PackageOf(function), m.path))
	return m, ok && filepath.IsAbs(file)
}

// literal finds the part of a function's name that a function literal adds.
var literal = regexp.MustCompile(`^(func\d*|gowrap\d*|deferwrap\d*|\d+)$`)

// inStack returns the declaration that a function of a stack belongs to: itself, or
// the one around a function literal.
func inStack(function string) declared {
	pkg := frames.PackageOf(function)
	function = strings.ReplaceAll(frames.WithoutTypes(function), "[...]", "")
	rest := function[strings.LastIndexByte(function, '/')+1:]
	_, rest, _ = strings.Cut(rest, ".")
	parts := strings.Split(strings.TrimSuffix(rest, "-fm"), ".")
	if receiver, ok := strings.CutPrefix(parts[0], "(*"); ok && len(parts) > 1 {
		return declared{pkg, strings.TrimSuffix(receiver, ")"), parts[1]}
	}
	if len(parts) > 1 && !literal.MatchString(parts[1]) {
		return declared{pkg, parts[0], parts[1]}
	}
	return declared{pkg, "", parts[0]}
}

// exported returns the function of a stack as a call that users can write, or false if it
// is not exported.
func exported(function, file string) (libraryCall, bool) {
	d := inStack(function)
	if !ast.IsExported(d.name) || d.receiver != "" && !ast.IsExported(d.receiver) || slices.Contains(strings.Split(d.pkg, "/"), "internal") {
		return libraryCall{}, false
	}
	name := packageName(d.pkg, file)
	receiver, _, _ := strings.Cut(strings.TrimPrefix(frames.WithoutTypes(function), d.pkg+"."), "."+d.name)
	return newLibraryCall(name, receiver, d), true
}

// packageName returns the name of a package, which its path does not tell for sure, from a
// file of it. Without the source it returns the path.
func packageName(pkg, file string) string {
	if f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly); err == nil && filepath.IsAbs(file) {
		return f.Name.Name
	}
	return pkg
}

func openableLine(at string) string {
	file, line, _ := cutLast(at, ":")
	return openablePath(file) + ":" + line
}

// libraryCall is a function of a dependency that the user called.
type libraryCall struct {
	text   string // such as 'cron.(*Cron).Start'
	owner  string // what is to be closed
	method bool
	at     string // file:line of the call, or ""
}

// newLibraryCall makes a call of a function. receiver is as stack traces print it.
func newLibraryCall(pkg, receiver string, d declared) libraryCall {
	if d.receiver == "" {
		return libraryCall{text: pkg + "." + d.name, owner: "what it returned"}
	}
	return libraryCall{text: pkg + "." + receiver + "." + d.name, owner: "the " + pkg + "." + d.receiver, method: true}
}
