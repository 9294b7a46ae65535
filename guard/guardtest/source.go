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

// maxSource is the longest source file that is read, in bytes.
const maxSource = 4 << 20

var sources struct {
	sync.Mutex
	files map[string][]string // lines; nil for a file that cannot be read
}

// sourceLine returns a line of a source file, trimmed: tests run where their
// source is. It is "" where it is not to be had. Built with -trimpath, a file's
// path begins with its module's, and only those of the tested package are found. Nor is what
// was edited after the test was built.
func sourceLine(file string, line int) string {
	if l := sourceLines(file, line, 1); len(l) == 1 {
		return strings.TrimSpace(l[0])
	}
	return ""
}

// sourceLines returns n lines of a source file from a line on, or what there is.
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
			return nil // another package's may have the same name
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

// testedPackage is the import path of the package whose tests these are, "" where
// it is not known. Tests run in its folder.
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

// builtAt is when the running program was written. What was edited since has other
// lines.
var builtAt = sync.OnceValue(func() time.Time {
	if name, err := os.Executable(); err == nil {
		if info, err := os.Stat(name); err == nil {
			return info.ModTime()
		}
	}
	return time.Now()
})

// shortFile shortens a path to what a terminal can open or a reader knows:
// relative to the working directory, or without the folder that all files of the
// standard library or the module cache are in.
func shortFile(file string) string {
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
