package report

import (
	"cmp"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// Commands returns commands for looking at the files of an incident that lie in
// folder.
func Commands(m incident.Manifest, folder string) []Command {
	return next(Input{Manifest: m, Folder: folder}, m.Suspects)
}

// next returns the commands for the files that exist.
func next(e Input, suspects incident.Suspects) []Command {
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
			{"what grew, by function", "go tool pprof -top " + cumulative(suspects, profile.Heap) + base + now},
			{"the same in a browser, with source code", "go tool pprof -http=: " + base + now},
		}
	}
	for _, k := range []struct {
		kind           profile.Kind
		top, inBrowser string
	}{
		{profile.Heap, "who holds the added memory", "the same in a browser, with flame graph and source code"},
		{profile.Goroutine, "where the added goroutines are", ""},
		{profile.GoroutineLeak, "which goroutines are proven leaked", ""},
		{profile.CPU, "where CPU time goes", ""},
	} {
		now, base := newestOf(e.Manifest.Artefacts, k.kind)
		if now == "" {
			continue
		}
		args := at(now)
		if base != "" {
			args = "-base " + at(base) + " " + args
		}
		cmds = append(cmds, Command{k.top, "go tool pprof -top " + cumulative(suspects, k.kind) + args})
		if k.inBrowser != "" {
			cmds = append(cmds, Command{k.inBrowser, "go tool pprof -http=: " + args})
		}
	}
	if text := newestText(e.Manifest.Artefacts); text != "" {
		cmds = append(cmds, Command{"each goroutine with its stack, its creator and how long it has waited", "less " + at(text)})
	}
	return cmds
}

// cumulative returns the option that sorts by what a function caused. Without it pprof
// shows who called the allocator, and a suspect that does so by a library may be missing.
func cumulative(suspects incident.Suspects, kind profile.Kind) string {
	for _, s := range suspects {
		if n := len(s.Path); s.Kind == kind && kind == profile.Heap {
			if n > 0 && s.Path[n-1].Function != s.Frame.Function {
				return "-cum "
			}
			return ""
		}
	}
	return ""
}

// newestOf returns the files to compare for a kind: the freshest profile of the
// newest capture, and its baseline. Each is "" if there is none.
func newestOf(files []incident.Artefact, kind profile.Kind) (now, base string) {
	now, base, _ = comparable(files, kind)
	return now, base
}

// comparable returns the same, and the other profiles of that kind, the newest first:
// older baselines and older captures, which tell who still grows.
func comparable(files []incident.Artefact, kind profile.Kind) (now, base string, between []string) {
	type file struct {
		name  string
		order int
	}
	var captures, bases []file
	for _, a := range files {
		k, variant, seq, ok := incident.ParseFileName(a.Name)
		if !ok || k != kind {
			continue
		}
		switch variant {
		case incident.VariantBase:
			bases = append(bases, file{a.Name, seq})
		case incident.VariantCrossing:
			captures = append(captures, file{a.Name, 2 * seq})
		case incident.VariantFresh:
			captures = append(captures, file{a.Name, 2*seq + 1})
		}
	}
	newestFirst := func(a, b file) int { return cmp.Compare(b.order, a.order) }
	slices.SortFunc(captures, newestFirst)
	slices.SortFunc(bases, newestFirst)
	for i, c := range captures {
		if i == 0 {
			now = c.name
		} else {
			between = append(between, c.name)
		}
	}
	for i, b := range bases {
		if i == len(bases)-1 {
			base = b.name // the first is the main one
		} else {
			between = append(between, b.name)
		}
	}
	return now, base, between
}

func newestText(files []incident.Artefact) (name string) {
	best := 0
	for _, a := range files {
		stem, ok := strings.CutSuffix(a.Name, ".txt")
		if stem, n := layout.CutNumber(stem); ok && stem == profile.Goroutine.String() && n > best {
			name, best = a.Name, n
		}
	}
	return name
}

// shellQuote quotes a path for the shell: in single quotes, or on Windows in
// double quotes, which its paths cannot contain.
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
