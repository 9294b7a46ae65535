package profile

import (
	"path/filepath"
	"runtime"
	"strings"
)

// Commands returns what to type to look at the incident's files, which lie in
// that folder.
func (m Manifest) Commands(folder string) []Command {
	return next(Evidence{Manifest: m, Folder: folder})
}

// next says what to type, for the files that are there.
func next(e Evidence) []Command {
	var cmds []Command
	at := func(name string) string { return shellQuote(filepath.Join(e.Folder, name)) }
	if len(e.Manifest.Artefacts) == 0 {
		if e.NowFile == "" {
			return nil
		}
		base := ""
		if e.BaseFile != "" {
			base = "-base " + shellQuote(e.BaseFile) + " "
		}
		now := shellQuote(e.NowFile)
		return []Command{
			{"what was added, by function", "go tool pprof -top " + base + now},
			{"the same in the browser, with the source", "go tool pprof -http=: " + base + now},
		}
	}
	for _, k := range []struct {
		kind           Kind
		top, inBrowser string
	}{
		{Heap, "who holds the memory that was added", "the same in the browser: flame graph, source lines, by type"},
		{Goroutine, "where the goroutines are that were added", ""},
		{GoroutineLeak, "which goroutines are proven to be leaked", ""},
		{CPU, "where processor time goes", ""},
	} {
		now, base := newestOf(e.Manifest.Artefacts, k.kind)
		if now == "" {
			continue
		}
		args := at(now)
		if base != "" {
			args = "-base " + at(base) + " " + args
		}
		cmds = append(cmds, Command{k.top, "go tool pprof -top " + args})
		if k.inBrowser != "" {
			cmds = append(cmds, Command{k.inBrowser, "go tool pprof -http=: " + args})
		}
	}
	if text := newestText(e.Manifest.Artefacts); text != "" {
		cmds = append(cmds, Command{"each goroutine with its stack, its creator and how long it waits", "less " + at(text)})
	}
	return cmds
}

// newestOf picks of an incident's files the profile of a kind to look at, the
// freshest of the newest capture, and what to subtract from it.
func newestOf(files []Artefact, kind Kind) (now, base string) {
	best, baseBest := -1, -1
	for _, a := range files {
		k, variant, seq, ok := parseFileName(a.Name)
		if !ok || k != kind {
			continue
		}
		switch variant {
		case Base:
			if seq > baseBest {
				base, baseBest = a.Name, seq
			}
		case AtCrossing, Fresh:
			order := 2 * seq
			if variant == Fresh {
				order++
			}
			if order > best {
				now, best = a.Name, order
			}
		}
	}
	return now, base
}

func newestText(files []Artefact) (name string) {
	best := 0
	for _, a := range files {
		stem, ok := strings.CutSuffix(a.Name, ".txt")
		if stem, n := cutNumber(stem); ok && stem == Goroutine.String() && n > best {
			name, best = a.Name, n
		}
	}
	return name
}

// parseFileName takes apart what [FileName] makes.
func parseFileName(name string) (kind Kind, variant string, seq int, ok bool) {
	if kind, ok = kindOf(name); !ok {
		return 0, "", 0, false
	}
	stem, seq := cutNumber(strings.TrimSuffix(name, ".pb.gz"))
	_, variant, _ = strings.Cut(stem, "-")
	return kind, variant, seq, FileName(kind, variant, seq) == name
}

// cutNumber takes the number of the capture off a name; none is the first.
func cutNumber(stem string) (string, int) {
	stem, number, _ := strings.Cut(stem, ".")
	n := 0
	for i := range len(number) {
		if n = 10*n + int(number[i]-'0'); n > 1e6 {
			break
		}
	}
	return stem, max(n, 1)
}

// shellQuote writes a path as a shell takes it: in single quotes, or on Windows
// in double ones, which its paths cannot hold.
func shellQuote(path string) string {
	if strings.HasPrefix(path, "-") {
		path = "./" + path
	}
	plain := func(c rune) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("/._-+=:,@%", c) ||
			c == '\\' && runtime.GOOS == "windows"
	}
	if path != "" && strings.IndexFunc(path, func(c rune) bool { return !plain(c) }) < 0 {
		return path
	}
	if runtime.GOOS == "windows" {
		return `"` + path + `"`
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
