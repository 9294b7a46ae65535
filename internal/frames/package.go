package frames

import (
	"strconv"
	"strings"
)

// PackageOf returns the import path of the package that a function belongs to;
// "" for functions that are not Go, such as those of C. The path of an external
// test package ends in '_test', as the linker names it.
func PackageOf(function string) string {
	for _, generated := range []string{"type:.eq.", "type:.hash."} {
		function = strings.TrimPrefix(function, generated)
	}
	// Type arguments and receivers may contain paths with slashes and dots, so
	// the package ends before the first bracket.
	name := function
	if i := strings.IndexAny(name, "[("); i >= 0 {
		name = name[:i]
	}
	slash := strings.LastIndexByte(name, '/')
	dot := strings.IndexByte(name[slash+1:], '.')
	if dot < 0 {
		return ""
	}
	pkg := unescape(name[:slash+1+dot])
	// Before modules, the name of a vendored package began with its importer's.
	if _, vendored, ok := strings.Cut(pkg, "/vendor/"); ok {
		return vendored
	}
	return pkg
}

// Readable undoes the linker's escaping of a function's name, as in
// 'github.com/nats-io/nats%2ego.(*Conn).readLoop'.
func Readable(function string) string { return unescape(function) }

// unescape undoes the linker's escaping of a path: dots in its last element,
// and control characters, non-ASCII characters and quotes anywhere, become %xx
// (see objabi.PathToPrefix in cmd/internal/objabi).
func unescape(path string) string {
	i := strings.IndexByte(path, '%')
	if i < 0 {
		return path
	}
	b := []byte(path[:i])
	for ; i < len(path); i++ {
		if path[i] == '%' && i+2 < len(path) {
			if c, err := strconv.ParseUint(path[i+1:i+3], 16, 8); err == nil {
				b = append(b, byte(c))
				i += 2
				continue
			}
		}
		b = append(b, path[i])
	}
	return string(b)
}

// standard holds the first elements of the standard library's import paths. 'No
// dot in the first element' does not identify it, because module paths such as
// 'shop' are common in private code.
var standard = map[string]bool{
	"archive": true, "arena": true, "bufio": true, "builtin": true, "bytes": true, "cmp": true, "compress": true,
	"container": true, "context": true, "crypto": true, "database": true, "debug": true,
	"embed": true, "encoding": true, "errors": true, "expvar": true, "flag": true, "fmt": true,
	"go": true, "hash": true, "html": true, "image": true, "index": true, "internal": true,
	"io": true, "iter": true, "log": true, "maps": true, "math": true, "mime": true, "net": true,
	"os": true, "path": true, "plugin": true, "reflect": true, "regexp": true, "runtime": true,
	"simd": true, "slices": true, "sort": true, "strconv": true, "strings": true, "structs": true,
	"sync": true, "syscall": true, "testing": true, "text": true, "time": true, "unicode": true,
	"unique": true, "unsafe": true, "uuid": true, "vendor": true, "weak": true,
}

// IsStandard reports whether an import path belongs to the standard library.
// "", for code that is not Go, counts as standard, because users cannot edit
// it.
func IsStandard(pkg string) bool {
	if pkg == "" {
		return true
	}
	first, _, _ := strings.Cut(pkg, "/")
	return standard[strings.TrimSuffix(first, "_test")]
}

// IsRuntime reports whether an import path belongs to the runtime. Such a frame
// says how something happens, never who wants it.
func IsRuntime(pkg string) bool {
	return pkg == "" || pkg == "runtime" || strings.HasPrefix(pkg, "runtime/internal/") ||
		strings.HasPrefix(pkg, "internal/runtime/")
}
