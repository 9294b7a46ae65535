package frames

import "strings"

// Standard is the name for the module of the standard library.
const Standard = "std"

// ModuleOf returns the module that a function belongs to: [Standard], the path
// of the main module, or that of a dependency. The path of the source file is
// the best source, because the module cache and -trimpath put 'path@version' in
// it. Otherwise, as for vendored code, ModuleOf guesses the module from the
// package's path. If mainModule is "", the module of package main is 'main'
// unless its file names it.
func ModuleOf(function, file, mainModule string) string {
	return moduleOf(PackageOf(function), file, mainModule)
}

func moduleOf(pkg, file, mainModule string) string {
	if IsStandard(pkg) {
		return Standard
	}
	if isMain(pkg) && mainModule != "" {
		return mainModule
	}
	if m := versioned(file); m != "" {
		return m
	}
	if within(pkg, mainModule) && !Vendored(file) {
		return mainModule
	}
	if isMain(pkg) {
		return "main"
	}
	return GuessModule(pkg)
}

// isMain reports whether a package is a program. go run and go test call
// packages of single files command-line-arguments.
func isMain(pkg string) bool {
	pkg = strings.TrimSuffix(pkg, "_test")
	return pkg == "main" || pkg == "command-line-arguments"
}

// within reports whether a package belongs to a module, nested modules aside.
func within(pkg, module string) bool {
	if module == "" {
		return false
	}
	rest, ok := strings.CutPrefix(pkg, module)
	return ok && (rest == "" || rest[0] == '/' || rest == "_test")
}

// versioned returns the module in a path with 'module@version/', or "".
func versioned(file string) string {
	at := strings.IndexByte(file, '@')
	if at < 0 || !strings.ContainsAny(file[at:], `/\`) {
		return ""
	}
	path := strings.ReplaceAll(file[:at], `\`, "/")
	if i := strings.LastIndex(path, "/pkg/mod/"); i >= 0 {
		path = path[i+len("/pkg/mod/"):]
	} else if strings.HasPrefix(path, "/") || strings.Contains(path, ":") {
		// GOMODCACHE may have any name. The path of a module begins with a
		// host: the first element that contains a dot but does not start with
		// one.
		path = fromHost(path)
	}
	if path == "" || path == "golang.org/toolchain" {
		return ""
	}
	return unescapeCapitals(path)
}

func fromHost(path string) string {
	for rest := strings.TrimLeft(path, "/"); rest != ""; {
		first, after, _ := strings.Cut(rest, "/")
		if strings.Index(first, ".") > 0 && after != "" {
			return rest
		}
		rest = after
	}
	return ""
}

// unescapeCapitals turns '!b' back into 'B'. The module cache escapes capitals
// to keep paths apart on file systems that ignore case.
func unescapeCapitals(path string) string {
	if !strings.Contains(path, "!") {
		return path
	}
	b := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		if path[i] == '!' && i+1 < len(path) && 'a' <= path[i+1] && path[i+1] <= 'z' {
			i++
			b = append(b, path[i]-'a'+'A')
			continue
		}
		b = append(b, path[i])
	}
	return string(b)
}

// Vendored reports whether a source file is in a vendor folder.
func Vendored(file string) bool {
	return strings.Contains(file, "/vendor/") || strings.Contains(file, `\vendor\`)
}

// GuessModule guesses the module of a package from its path, by the number of
// elements that paths of repositories have on well-known hosts.
func GuessModule(pkg string) string {
	pkg = strings.TrimSuffix(pkg, "_test")
	parts := strings.Split(pkg, "/")
	n := 2
	switch {
	case !strings.Contains(parts[0], "."):
		n = 1 // a private name, such as 'shop/storage'
	case parts[0] == "golang.org" || parts[0] == "github.com" || parts[0] == "gitlab.com" || parts[0] == "bitbucket.org" || parts[0] == "codeberg.org":
		n = 3
	}
	if len(parts) <= n || parts[0] == "" {
		return pkg
	}
	if v := parts[n]; n > 1 && len(v) > 1 && v[0] == 'v' && strings.Trim(v[1:], "0123456789") == "" {
		n++ // the major version is part of the module's path
	}
	return strings.Join(parts[:n], "/")
}

// Own reports whether a frame is the user's own code: that of the main module
// or of package main. If mainModule is "", all code outside the standard
// library, the module cache and vendor folders is.
func Own(f Frame, mainModule string) bool {
	return OwnPackage(PackageOf(f.Function), f.File, mainModule)
}

// OwnPackage is [Own] for callers that already know the package.
func OwnPackage(pkg, file, mainModule string) bool {
	switch {
	case IsStandard(pkg):
		return false
	case isMain(pkg):
		return true
	case mainModule == "":
		return versioned(file) == "" && !Vendored(file)
	}
	return moduleOf(pkg, file, mainModule) == mainModule
}

// IsPlumbing reports whether a standard library package only acts for its
// caller: the runtime, sync, syscall and internal packages.
func IsPlumbing(pkg string) bool {
	return IsRuntime(pkg) || pkg == "sync" || pkg == "syscall" || strings.HasPrefix(pkg, "internal/") ||
		strings.HasPrefix(pkg, "runtime/")
}
