package guardtest

import (
	"bytes"
	"fmt"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/profile"
)

// ourPackage is the prefix of the names of this package's functions.
const ourPackage = "github.com/leakguard/leakguard/guard/guardtest."

// group is the goroutines with one stack and one set of labels.
type group struct {
	count  int
	test   string // the value of our label, or ""
	labels map[string][]string
	// root is the function that they were started with: the only part of a stack that
	// never changes during their life.
	root string
	// frames returns the stack, leaf first. It is built on demand because most groups
	// never need it.
	frames func() []frames.Frame

	creator  creator   // of one of them
	creators []creator // of all goroutines that look the same, those of other tests included
}

// goroutines is a snapshot of all goroutines of the process except the runtime's
// own.
type goroutines struct {
	groups []*group
	total  int
}

// mainModule distinguishes the user's own code from dependencies.
var mainModule = sync.OnceValue(func() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Path
	}
	return ""
})

// readGoroutines takes a goroutine profile. It stops the world for less than 0.1
// ms, however many goroutines there are. The form with debug=2, the only one with
// IDs and creators, stops it while it is written.
func readGoroutines() (goroutines, error) { return readProfile("goroutine") }

// readProfile does the same for any profile of goroutines.
func readProfile(name string) (goroutines, error) {
	var buf bytes.Buffer
	if err := pprof.Lookup(name).WriteTo(&buf, 0); err != nil {
		return goroutines{}, fmt.Errorf("take a %s profile: %w", name, err)
	}
	p, err := profile.Read(&buf)
	if err != nil {
		return goroutines{}, fmt.Errorf("read a %s profile: %w", name, err)
	}
	var all goroutines
	for _, s := range p.Sample {
		if len(s.Value) == 0 || s.Value[0] <= 0 {
			continue
		}
		g := &group{count: int(s.Value[0]), labels: s.Label}
		if l := s.Label[labelKey]; len(l) > 0 {
			g.test = l[0]
		}
		g.frames = sync.OnceValue(func() (stack []frames.Frame) {
			for _, loc := range s.Location {
				for _, l := range loc.Line {
					if l.Function != nil {
						stack = append(stack, frames.Frame{Function: l.Function.Name, File: l.Function.Filename, Line: int(l.Line), StartLine: int(l.Function.StartLine)})
					}
				}
			}
			return stack
		})
	root:
		for _, loc := range slices.Backward(s.Location) {
			for _, l := range slices.Backward(loc.Line) {
				if l.Function == nil {
					continue
				}
				if g.root == "" {
					g.root = l.Function.Name
				}
				if !frames.IsRuntime(frames.PackageOf(l.Function.Name)) {
					g.root = l.Function.Name
					if !startedIn(g.root) {
						break root
					}
				}
			}
		}
		all.total += g.count
		all.groups = append(all.groups, g)
	}
	return all, nil
}

// top returns the waiting function: the innermost that is not the runtime's.
func (g *group) top() string {
	for _, f := range g.frames() {
		if !frames.IsRuntime(frames.PackageOf(f.Function)) {
			return f.Function
		}
	}
	return ""
}

func (g *group) has(function string) bool {
	return slices.ContainsFunc(g.frames(), func(f frames.Frame) bool { return named(f.Function, function) })
}

// named reports whether the name is the function's, as profiles or as stack traces
// print it: the latter have '[...]' in place of type arguments.
func named(function, name string) bool {
	return function == name || strings.Contains(name, "[...]") && frames.WithoutTypes(function) == name
}

func (g *group) hasLabel(key, value string) bool { return slices.Contains(g.labels[key], value) }

// plumbing reports whether the goroutines run this package or the testing package,
// such as a test that waits for its subtests.
func (g *group) plumbing() bool {
	return g.has(ourPackage+"readProfile") || frames.PackageOf(g.top()) == "testing"
}

// cutLast is like [strings.Cut] but cuts around the last instance of sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// ofPackage reports whether a function belongs to the package.
func ofPackage(function, pkg string) bool { return function != "" && frames.PackageOf(function) == pkg }

// labelled reports whether any goroutine other than the caller's has the caller's
// label. A false true is possible, a false false is not: if the text does not show
// the caller's own label, it is not understood, and the result is true.
//
// It reads the form with debug=1, which costs a fifth of a profile in protobuf
// form. A test that leaves nothing behind needs nothing else.
func labelled(label string) bool {
	var buf bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&buf, 1); err != nil {
		return true
	}
	return bytes.Count(buf.Bytes(), strconv.AppendQuote(nil, label)) != 1
}
