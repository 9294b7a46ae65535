package guardtest

import (
	"bytes"
	"fmt"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"

	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/profile"
)

// labelKey is the pprof label that says which test started a goroutine.
const labelKey = "guardtest"

// group is goroutines with one stack and one set of labels.
type group struct {
	count  int
	test   string // the value of our label; "" for none
	labels map[string][]string
	stack  []frames.Frame // leaf first

	wait          string
	blocked, root int // into stack, or -1
}

// goroutines is all goroutines of the process at one moment.
type goroutines struct {
	groups []*group
	total  int
}

var mainModule = sync.OnceValue(func() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Path
	}
	return ""
})

// readGoroutines takes a profile of the goroutines, but for the one that calls
// it. It does not stop the world for longer than 0.1 ms, however many there are.
func readGoroutines() (goroutines, error) {
	var buf bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&buf, 0); err != nil {
		return goroutines{}, fmt.Errorf("take a goroutine profile: %w", err)
	}
	p, err := profile.Read(&buf)
	if err != nil {
		return goroutines{}, fmt.Errorf("read a goroutine profile: %w", err)
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
		for _, loc := range s.Location {
			for _, l := range loc.Line {
				if l.Function != nil {
					g.stack = append(g.stack, frames.Frame{Function: l.Function.Name, File: l.Function.Filename, Line: int(l.Line), StartLine: int(l.Function.StartLine)})
				}
			}
		}
		g.wait, g.blocked, g.root = frames.Wait(g.stack, mainModule())
		all.total += g.count
		all.groups = append(all.groups, g)
	}
	return all, nil
}

// top is the function that waits.
func (g *group) top() string {
	for _, f := range g.stack {
		if !frames.IsRuntime(frames.PackageOf(f.Function)) {
			return f.Function
		}
	}
	return ""
}

func (g *group) has(function string) bool {
	return slices.ContainsFunc(g.stack, func(f frames.Frame) bool { return f.Function == function })
}

func (g *group) hasLabel(key, value string) bool { return slices.Contains(g.labels[key], value) }

// startedIn reports whether the function that the goroutines were started with
// is of this package.
func (g *group) startedIn(pkg string) bool {
	return g.root >= 0 && frames.PackageOf(g.stack[g.root].Function) == pkg
}

// own reports whether it is the goroutine that takes the profile.
func (g *group) own() bool {
	return slices.ContainsFunc(g.stack, func(f frames.Frame) bool {
		return strings.HasPrefix(f.Function, "runtime/pprof.writeGoroutine") || strings.HasPrefix(f.Function, "runtime/pprof.writeRuntimeProfile")
	})
}
