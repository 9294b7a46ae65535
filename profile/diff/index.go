package diff

import (
	"fmt"
	"path"
	"strings"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/profile"
)

// function is what a comparison knows about a function. It is shared by both
// profiles, so that their stacks can be compared.
type function struct {
	name, file, module string
	code               frames.Code
	runtime            bool
	ours               bool // leakguard's
	maker              bool // see [isMaker]
	closure            bool
	// part, pkg and mod number the type or package that it belongs to, its package and
	// its module, from narrow to wide; see [index.part].
	part, pkg, mod int32
}

// call is one frame of a stack.
type call struct {
	fn        int32 // index in index.functions
	line      int32
	startLine int32
}

// index numbers functions by name and caches the frames of locations: each
// location is resolved once rather than once for each of a million frames.
type index struct {
	own       string // main module that decides what is the user's own code; "" if not configured
	named     string // path of the main module, configured or guessed; "" if unknown
	functions []function
	byName    map[string]int32
	parts     map[string]int32
}

func newIndex(mainModule string, profiles ...*pprofile.Profile) *index {
	x := &index{own: mainModule, named: mainModule, byName: make(map[string]int32), parts: make(map[string]int32)}
	for i := len(profiles) - 1; i >= 0 && x.named == ""; i-- { // newest first
		if profiles[i] != nil {
			x.named = guessMainModule(profiles[i])
		}
	}
	return x
}

// guessMainModule returns the module that most local code belongs to, which is
// code outside the standard library, the module cache and vendor folders. It
// returns "" if the only local code is package main.
func guessMainModule(p *pprofile.Profile) string {
	count := make(map[string]int)
	best := ""
	for _, f := range p.Function {
		name, file := clipName(f.Name), clipName(f.Filename)
		if !frames.OwnPackage(frames.PackageOf(name), file, "") {
			continue
		}
		m := frames.ModuleOf(name, file, "")
		if m == "main" {
			continue
		}
		count[m]++
		if n := count[m]; n > count[best] || n == count[best] && m < best {
			best = m
		}
	}
	return best
}

// maxNameBytes is how much of a name counts. A foreign file may give a million
// functions one name of megabytes; hashing it each time would take hours.
const maxNameBytes = 1024

func clipName(name string) string { return name[:min(len(name), maxNameBytes)] }

func (x *index) function(name, file string) int32 {
	name, file = clipName(name), clipName(file)
	if i, ok := x.byName[name]; ok {
		return i
	}
	code := frames.CodeOf(name, file, x.own)
	f := function{
		name: frames.Readable(name), file: file, code: code,
		module:  frames.ModuleOf(name, file, x.named),
		runtime: frames.IsRuntime(code.Package),
		ours:    isOurs(code.Package, file),
	}
	f.maker = code.Class == frames.ClassOwn && isMaker(f.name)
	f.closure = isClosure(f.name)
	f.part, f.pkg, f.mod = x.part(partOf(f.name, code.Package)), x.part(code.Package), x.part("module "+f.module)
	if f.module == "std" {
		f.mod = f.pkg // the standard library is no library by itself
	}
	i := int32(len(x.functions))
	x.functions = append(x.functions, f)
	x.byName[name] = i
	return i
}

// resolver returns the frames at the locations of one profile.
type resolver struct {
	x     *index
	calls map[*pprofile.Location][]call
	arena []call
}

func newResolver(x *index, p *pprofile.Profile) *resolver {
	lines := 0
	for _, l := range p.Location {
		lines += max(1, len(l.Line))
	}
	return &resolver{x: x, calls: make(map[*pprofile.Location][]call, len(p.Location)), arena: make([]call, 0, lines)}
}

// of returns the frames at a location, leaf first.
func (r *resolver) of(l *pprofile.Location) []call {
	if calls, ok := r.calls[l]; ok {
		return calls
	}
	start := len(r.arena)
	for _, line := range l.Line {
		if line.Function == nil {
			continue
		}
		name := line.Function.Name
		if name == "" {
			name = line.Function.SystemName
		}
		r.arena = append(r.arena, call{
			fn:        r.x.function(name, line.Function.Filename),
			line:      lineNumber(line.Line),
			startLine: lineNumber(line.Function.StartLine),
		})
	}
	if len(r.arena) == start {
		// Without symbols, a whole binary becomes one function: addresses mean
		// nothing to a reader and differ from run to run.
		r.arena = append(r.arena, call{fn: r.x.function(unnamed(l.Mapping), "")})
	}
	calls := r.arena[start:len(r.arena):len(r.arena)]
	r.calls[l] = calls
	return calls
}

func lineNumber(n int64) int32 { return int32(max(0, min(n, 1<<30))) }

func unnamed(m *pprofile.Mapping) string {
	if m == nil || m.File == "" {
		return "(no symbols)"
	}
	return fmt.Sprintf("%s (no symbols)", path.Base(strings.ReplaceAll(m.File, `\`, "/")))
}

// maxStack is how many frames of a stack count, from its leaf. The runtime's
// profiles have fewer; the limit bounds what a foreign file can cost.
const maxStack = 1024

// maxFrames is how many frames of all stacks count whole, 800,000 stacks of 80 frames. A
// foreign file of 100 KB can have 4,000 million, which would take minutes. Of stacks
// beyond, only shortStack frames count.
const (
	maxFrames  = 64 << 20
	shortStack = 16
)

// stack appends the frames of a sample, leaf first, up to a number of frames.
func (r *resolver) stack(buf []call, s *pprofile.Sample, most int) []call {
	for _, l := range s.Location {
		if len(buf) == most {
			break
		}
		calls := r.of(l)
		buf = append(buf, calls[:min(len(calls), most-len(buf))]...)
	}
	return buf
}

// site returns the index of the frame to blame a stack on; see [frames.SiteOf].
func (x *index) site(stack []call) int {
	return frames.SiteOf(len(stack), func(i int) *frames.Code { return &x.functions[stack[i].fn].code })
}

// class returns whose code a function is.
func (x *index) class(fn int32) frames.Class { return x.functions[fn].code.Class }

// part numbers a name.
func (x *index) part(name string) int32 {
	n, ok := x.parts[name]
	if !ok {
		n = int32(len(x.parts))
		x.parts[name] = n
	}
	return n
}

// isClosure reports whether a name is that of a function literal, such as 'a.F.func1.2'.
func isClosure(name string) bool {
	name = strings.TrimRight(name, ".0123456789")
	return strings.HasSuffix(name, ".func")
}

// partOf returns the type that a method belongs to, such as 'net/http.(*Transport)', or
// the package of any other function.
func partOf(name, pkg string) string {
	rest, ok := strings.CutPrefix(name, pkg+".(")
	if !ok {
		return pkg
	}
	if i := strings.IndexByte(rest, ')'); i >= 0 {
		return name[:len(name)-len(rest)+i+1]
	}
	return pkg
}

func (x *index) frame(fn, line int32) profile.Frame {
	f := x.functions[fn]
	return profile.Frame{Function: f.name, File: f.file, Line: int(line), Package: f.code.Package, Module: f.module}
}
