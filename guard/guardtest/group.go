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

// ourPackage begins the names of this package's functions.
const ourPackage = "github.com/leakguard/leakguard/guard/guardtest."

// group is goroutines with one stack and one set of labels.
type group struct {
	count  int
	test   string // the value of our label; "" for none
	labels map[string][]string
	// root is the function that they were started with: the one thing in a
	// stack that never changes while they live.
	root string
	// frames is the stack, leaf first. Most groups are never looked at, so that
	// it is put together on demand.
	frames func() []frames.Frame

	creator creator
}

// goroutines is all goroutines of the process at one moment, but for the
// runtime's own.
type goroutines struct {
	groups []*group
	total  int
}

// mainModule tells the user's own code from that of others.
var mainModule = sync.OnceValue(func() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Path
	}
	return ""
})

// readGoroutines takes a goroutine profile. It stops the world for less than
// 0.1 ms, however many there are: the profile of debug=2, which alone has their
// ids and creators, stops it for as long as it takes.
func readGoroutines() (goroutines, error) { return readProfile("goroutine") }

// readProfile does so for any profile of goroutines.
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
					break root
				}
			}
		}
		all.total += g.count
		all.groups = append(all.groups, g)
	}
	return all, nil
}

// top is the function that waits: the innermost but for the runtime's.
func (g *group) top() string {
	for _, f := range g.frames() {
		if !frames.IsRuntime(frames.PackageOf(f.Function)) {
			return f.Function
		}
	}
	return ""
}

func (g *group) has(function string) bool {
	return slices.ContainsFunc(g.frames(), func(f frames.Frame) bool { return f.Function == function })
}

func (g *group) hasLabel(key, value string) bool { return slices.Contains(g.labels[key], value) }

// plumbing reports whether goroutines are those of this package or of the
// testing package at work, such as a test that waits for its subtests.
func (g *group) plumbing() bool {
	return g.has(ourPackage+"readProfile") || frames.PackageOf(g.top()) == "testing"
}

// cutLast is [strings.Cut] around the last instance of sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// ofPackage reports whether a function is of this package.
func ofPackage(function, pkg string) bool { return function != "" && frames.PackageOf(function) == pkg }

// labelled reports whether any goroutine but the caller's bears the caller's
// label, this one. It may say so where none does, never the contrary: the
// caller's own label has to be in the text, too, or the text is not understood.
//
// The text is that of debug=1, which costs a fifth of a profile that can be read:
// for a test that leaves nothing behind it is all there is to look at.
func labelled(label string) bool {
	var buf bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&buf, 1); err != nil {
		return true
	}
	return bytes.Count(buf.Bytes(), strconv.AppendQuote(nil, label)) != 1
}
