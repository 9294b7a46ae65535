package diff

import (
	"slices"

	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/profile"
)

// A library that works on goroutines of its own leaves stacks without own code: those
// of a connection, for example. Who asked for it shows elsewhere in the same profile:
// a function of the user's own that calls the same library, and whose calls hold more
// memory than before, such as the requests of connections that stay open.

// libraryCalls sums up what one function of the user's own caused in the libraries that
// it calls, by type, package and module; see [index.part].
type libraryCalls map[int32]caused

// caused is small, because there are many. What it decides needs no more digits.
type caused struct {
	held float32 // growth of memory in use, bytes
	made float32 // growth of all allocations, objects
}

// addCall adds a stack whose site is the user's own.
func (d *diff) addCall(stack []call, at int, held, made int64, after bool) {
	if at <= 0 || d.x.class(stack[at].fn) != frames.ClassOwn || d.x.isOurs(stack) {
		return
	}
	c := d.calls[stack[at].fn]
	if c == nil {
		c = make(libraryCalls)
		d.calls[stack[at].fn] = c
	}
	if !after {
		held, made = -max(held, -maxSum), -max(made, -maxSum)
	}
	seen := d.parts[:0]
	for _, below := range stack[:at] {
		f := &d.x.functions[below.fn]
		if f.code.Class == frames.ClassPlumbing {
			continue
		}
		for _, part := range [...]int32{f.part, f.pkg, f.mod} {
			if len(seen) < maxParts && !slices.Contains(seen, part) {
				seen = append(seen, part)
				of := c[part]
				of.held += float32(held)
				of.made += float32(made)
				c[part] = of
			}
		}
	}
	d.parts = seen
}

// maxParts bounds the work for a foreign profile's deep stacks.
const maxParts = 32

// leastHeld is the least growth, in bytes, of what a caller's calls hold that connects
// it to a library. Less is an object that was not there by chance.
const leastHeld = 16 << 10

// callerOf returns the function of the user's own that most likely asked for what a
// library does: the one whose calls of the same type, package or module hold most that
// is new or, if none hold anything, the one that calls most, if it stands out.
func (d *diff) callerOf(fn int32) (own int32, ok bool) {
	f := d.x.functions[fn]
	return d.callerOfParts(f.part, f.pkg, f.mod)
}

func (d *diff) callerOfParts(part, pkg, mod int32) (own int32, ok bool) {
	score := func(c libraryCalls, of func(caused) float32) float64 {
		at := func(part int32) float64 { return float64(max(0, of(c[part]))) }
		return 4*at(part) + 2*at(pkg) + at(mod)
	}
	best := func(of func(caused) float32) (fn int32, first, second float64) {
		for caller, c := range d.calls {
			switch s := score(c, of); {
			case s > first || s == first && s > 0 && d.x.functions[caller].name < d.x.functions[fn].name:
				fn, first, second = caller, s, first
			case s > second:
				second = s
			}
		}
		return fn, first, second
	}
	if own, held, _ := best(func(c caused) float32 { return c.held }); held >= leastHeld {
		return own, true
	}
	own, first, second := best(func(c caused) float32 { return c.made })
	return own, first > 0 && first >= 4*second
}

// CallerOf returns the function of the user's own code that most likely made the library
// of this frame grow, although it is not on the library's stacks. It is not ok if the
// heap profile does not show one.
func (c *Comparison) CallerOf(library profile.Frame) (caller profile.Frame, ok bool) {
	if c.callers == nil {
		return profile.Frame{}, false
	}
	return c.callers(library)
}

func (d *diff) callers() func(profile.Frame) (profile.Frame, bool) {
	if len(d.calls) == 0 {
		return nil
	}
	return func(library profile.Frame) (profile.Frame, bool) {
		known := func(name string) int32 {
			if n, ok := d.x.parts[name]; ok {
				return n
			}
			return -1
		}
		mod := known("module " + library.Module)
		if library.Module == frames.Standard {
			mod = known(library.Package)
		}
		own, ok := d.callerOfParts(known(partOf(library.Function, library.Package)), known(library.Package), mod)
		if !ok {
			return profile.Frame{}, false
		}
		line := int32(0)
		if t := d.sites[own]; t != nil {
			line, _ = largest(t.lines)
		}
		return d.x.frame(own, line), true
	}
}
