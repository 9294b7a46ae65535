package frames

import "strings"

// Class says whose code a function is.
type Class int8

// The classes, from the user's own code to what only acts for its caller.
const (
	ClassOwn Class = iota
	ClassDependency
	ClassStandard
	ClassPlumbing // see [IsPlumbing]
)

// Code is what [SiteOf] needs to know of a function. It can be kept for all stacks that
// the function is on.
type Code struct {
	Package string
	Class   Class
	// Handler says that it is a method called ServeHTTP. A function that calls one hands
	// the request on.
	Handler bool
}

// CodeOf describes a function.
func CodeOf(function, file, mainModule string) Code {
	c := Code{Package: PackageOf(function), Handler: strings.HasSuffix(function, ".ServeHTTP")}
	switch {
	case OwnPackage(c.Package, file, mainModule):
		c.Class = ClassOwn
	case carrier(c.Package):
		c.Class = ClassPlumbing
	case !IsStandard(c.Package):
		c.Class = ClassDependency
	case !IsPlumbing(c.Package):
		c.Class = ClassStandard
	default:
		c.Class = ClassPlumbing
	}
	return c
}

// carrier reports whether a package outside the standard library only starts
// goroutines and calls for its caller, like package sync.
func carrier(pkg string) bool { return pkg == "golang.org/x/sync" || within(pkg, "golang.org/x/sync") }

// Site returns the index of the frame to blame a stack on; see [SiteOf].
func Site(stack []Frame, mainModule string) int {
	codes := make([]Code, len(stack))
	for i, f := range stack {
		codes[i] = CodeOf(f.Function, f.File, mainModule)
	}
	return SiteOf(len(stack), func(i int) *Code { return &codes[i] })
}

// SiteOf returns the index of the frame to blame a stack on, which has n frames, leaf
// first. It returns -1 only for an empty stack.
//
// It is the first frame of the user's own code, unless that only hands a request on to
// the code of a library: a middleware is not to blame for what it wraps. Without own
// code it is the package that the stack begins in, after the plumbing: a library that
// works on a goroutine of its own. Of that package it is the frame nearest to the leaf,
// such as 'net/http.(*Transport).dialConn', which says more than what it calls
// ('bufio.NewReaderSize') and more than where the goroutine began.
func SiteOf(n int, code func(i int) *Code) int {
	for i := range n {
		if code(i).Class != ClassOwn {
			continue
		}
		if i > 0 && code(i-1).Handler {
			if lib := librarySite(i, code); lib >= 0 && code(lib).Class == ClassDependency {
				return lib
			}
		}
		return i
	}
	if lib := librarySite(n, code); lib >= 0 {
		return lib
	}
	return min(0, n-1)
}

// librarySite returns the frame to blame of a stack without own code, or -1 if all of
// it is plumbing.
func librarySite(n int, code func(i int) *Code) int {
	// The standard library's server calls a handler: what is below belongs to the
	// handler, if that is any library's.
	for i := range n {
		if c := code(i); c.Class == ClassStandard && c.Handler {
			if lib := librarySite(i, code); lib >= 0 && code(lib).Class == ClassDependency {
				return lib
			}
			break
		}
	}
	for i := n - 1; i >= 0; i-- {
		if code(i).Class == ClassPlumbing {
			continue
		}
		for leaf := range n {
			if code(leaf).Package == code(i).Package {
				return leaf
			}
		}
	}
	return -1
}
