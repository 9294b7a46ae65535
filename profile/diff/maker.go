package diff

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/leakguard/leakguard/internal/frames"
)

// Memory is allocated in one function and kept by another. A function that only makes
// what its caller asked for, such as a constructor or a parser, has nothing to change:
// its caller keeps the result. A heap profile does not say who keeps it, but two things
// do: the name of an unexported function, and that its caller keeps something of its own
// for each of the objects, such as an entry, a timer or a context.

// callerShare is the part of a site's growth that must come from one caller.
const callerShare = 0.8

// keptEach is how many objects a caller must keep for each that it had made.
const keptEach = 0.2

// addCaller adds the growth of a site by the function of the user's own that called it,
// if need be through others that only make something, and through closures: those act
// for who calls them.
func (t *tally) addCaller(x *index, stack []call, at int, grown int64) {
	of := caller{fn: -1}
	for i := at + 1; i < len(stack); i++ {
		f := &x.functions[stack[i].fn]
		if f.code.Class != frames.ClassOwn || stack[i].fn == stack[at].fn || f.maker || f.closure {
			continue
		}
		if !x.functions[stack[i-1].fn].code.Handler { // a middleware has nothing to do with it
			of = caller{fn: stack[i].fn, line: stack[i].line}
		}
		break
	}
	i := slices.IndexFunc(t.callers, func(c caller) bool { return c.fn == of.fn })
	switch {
	case i < 0 && len(t.callers) == maxCallers:
		return // one of so many is not the only one
	case i < 0:
		i = len(t.callers)
		t.callers = append(t.callers, of)
	case grown > 0:
		t.callers[i].line = of.line
	}
	t.callers[i].grown = max(-maxSum, min(t.callers[i].grown+max(-maxSum, min(grown, maxSum)), maxSum))
}

// caller is one function that called a site; fn is -1 if there was none.
type caller struct {
	fn, line int32
	grown    int64
}

const maxCallers = 16

// mainCaller returns the caller by which a site grew most.
func (t *tally) mainCaller() caller {
	if len(t.callers) == 0 {
		return caller{fn: -1}
	}
	return slices.MaxFunc(t.callers, func(a, b caller) int { return cmp.Or(cmp.Compare(a.grown, b.grown), cmp.Compare(b.fn, a.fn)) })
}

// keeperOf returns the caller that keeps what a function makes.
func (d *diff) keeperOf(fn int32) (keeper int32, ok bool) {
	t := d.sites[fn]
	if t == nil || d.x.class(fn) != frames.ClassOwn {
		return 0, false
	}
	by := t.mainCaller()
	if by.fn < 0 || by.grown <= 0 || float64(by.grown) < callerShare*float64(t.value.Growth()) || d.x.functions[by.fn].name == "main.main" {
		return 0, false
	}
	if d.x.functions[fn].maker {
		return by.fn, true
	}
	k := d.sites[by.fn]
	if short := d.x.functions[fn].name; k == nil || isExported(short) || k.value.Growth() <= 0 {
		return 0, false
	}
	return by.fn, float64(k.objects.Growth()) >= keptEach*float64(t.objects.Growth())
}

func isExported(name string) bool {
	first, _ := utf8.DecodeRuneInString(name[strings.LastIndexByte(name, '.')+1:])
	return unicode.IsUpper(first)
}

// makerVerbs begin the names of functions that make something for their caller.
var makerVerbs = []string{
	"new", "make", "build", "parse", "decode", "encode", "marshal", "unmarshal", "serialize", "deserialize",
	"clone", "copy", "format", "generate", "lookup", "compress", "decompress", "convert",
}

// isMaker reports whether a function's name says that it makes something. Only
// unexported functions count: others are asked by code that is not there.
func isMaker(name string) bool {
	short := name[strings.LastIndexByte(name, '.')+1:]
	for _, verb := range makerVerbs {
		rest, ok := strings.CutPrefix(short, verb)
		if !ok {
			continue
		}
		next, _ := utf8.DecodeRuneInString(rest)
		if rest == "" || unicode.IsUpper(next) || next == '_' {
			return true
		}
	}
	return false
}
