package diff

import (
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
	caller := int32(-1)
	for i := at + 1; i < len(stack); i++ {
		if x.class(stack[i].fn) != frames.ClassOwn || stack[i].fn == stack[at].fn || x.functions[stack[i].fn].maker || x.functions[stack[i].fn].closure {
			continue
		}
		if !x.functions[stack[i-1].fn].code.Handler { // a middleware has nothing to do with it
			caller = stack[i].fn
			if grown > 0 {
				if t.callLines == nil {
					t.callLines = make(map[int32]int32)
				}
				t.callLines[caller] = stack[i].line
			}
		}
		break
	}
	if t.callers == nil {
		t.callers = make(map[int32]int64)
	}
	of := t.callers[caller] + max(-maxSum, min(grown, maxSum))
	t.callers[caller] = max(-maxSum, min(of, maxSum))
}

// keeperOf returns the caller that keeps what a function makes.
func (d *diff) keeperOf(fn int32) (keeper int32, ok bool) {
	t := d.sites[fn]
	if t == nil || d.x.class(fn) != frames.ClassOwn {
		return 0, false
	}
	caller, grown := largest(t.callers)
	if caller < 0 || grown <= 0 || float64(grown) < callerShare*float64(t.value.Growth()) || d.x.functions[caller].name == "main.main" {
		return 0, false
	}
	if d.x.functions[fn].maker {
		return caller, true
	}
	k := d.sites[caller]
	if short := d.x.functions[fn].name; k == nil || isExported(short) || k.value.Growth() <= 0 {
		return 0, false
	}
	return caller, float64(k.objects.Growth()) >= keptEach*float64(t.objects.Growth())
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
