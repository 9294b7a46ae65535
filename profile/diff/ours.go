package diff

import (
	"strings"

	"github.com/leakguard/leakguard/internal/frames"
)

const ourModule = "github.com/leakguard/leakguard/"

// isOurs reports whether a function is of this library, and not of its tests and
// examples.
func isOurs(pkg, file string) bool {
	rest, ok := strings.CutPrefix(pkg, ourModule)
	if !ok || strings.HasSuffix(file, "_test.go") {
		return false
	}
	for _, not := range []string{"_test", "/testdata/", "/leakprograms", "/survival/"} {
		if strings.Contains(rest+"/", not) {
			return false
		}
	}
	top, _, _ := strings.Cut(rest, "/")
	switch top {
	case "guard", "profile", "sentryhook", "internal":
		return true
	}
	return false
}

// isOurs reports whether this library, and none of the user's code that it calls,
// caused a stack.
func (x *index) isOurs(stack []call) bool {
	for _, c := range stack {
		f := &x.functions[c.fn]
		if f.ours {
			return true
		}
		if f.code.Class == frames.ClassOwn {
			return false
		}
	}
	return false
}
