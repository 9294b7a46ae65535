package guardtest

import (
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// maxSource is the largest source file that is read, in bytes.
const maxSource = 4 << 20

var sources struct {
	sync.Mutex
	files map[string][]string // lines; nil if the file cannot be read
}

// sourceLine returns a line of a source file, trimmed, or "" if it is not
// available. Tests usually run where their source is. With -trimpath, a file's path
// begins with its module's, and only the files of the tested package are found. A
// file that was edited after the test was built is not used.
func sourceLine(file string, line int) string {
	if l := sourceLines(file, line, 1); len(l) == 1 {
		return strings.TrimSpace(l[0])
	}
	return ""
}

// sourceLines returns up to n lines of a source file from a line on.
func sourceLines(file string, line, n int) []string {
	sources.Lock()
	defer sources.Unlock()
	lines, known := sources.files[file]
	if !known {
		lines = readSource(file)
		if sources.files == nil {
			sources.files = make(map[string][]string)
		}
		sources.files[file] = lines
	}
	if line < 1 || line > len(lines) {
		return nil
	}
	return lines[line-1 : min(line-1+n, len(lines))]
}

func readSource(file string) []string {
	if !strings.HasSuffix(file, ".go") {
		return nil
	}
	if !filepath.IsAbs(file) {
		folder, name := path.Split(file)
		if pkg := testedPackage(); folder != "" && (pkg == "" || folder != pkg+"/") {
			return nil // a file of another package can have the same name
		}
		file = name
	}
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSource || info.ModTime().After(builtAt()) {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	return strings.Split(string(text), "\n")
}

// testedPackage returns the import path of the package under test, or "" if
// unknown. Tests run in its folder.
var testedPackage = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	pkg, isTest := strings.CutSuffix(info.Path, ".test")
	if !isTest {
		return ""
	}
	return pkg
})

// builtAt is when the running program was written. Files edited since have
// different line numbers.
var builtAt = sync.OnceValue(func() time.Time {
	if name, err := os.Executable(); err == nil {
		if info, err := os.Stat(name); err == nil {
			return info.ModTime()
		}
	}
	return time.Now()
})

// openablePath shortens a path to one that a terminal can open or a reader
// recognises: relative to the working directory, or without the folder of the
// standard library or of the module cache.
func openablePath(file string) string {
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, filepath.FromSlash(file)); err == nil && !strings.HasPrefix(rel, "..") {
			return rel
		}
	}
	slashed := filepath.ToSlash(file)
	for _, folder := range []string{"/pkg/mod/", "/src/"} {
		if _, after, found := cutLast(slashed, folder); found {
			return after
		}
	}
	return file
}
