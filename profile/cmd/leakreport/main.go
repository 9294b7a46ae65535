package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
	"github.com/leakguard/leakguard/profile/incident"
	"github.com/leakguard/leakguard/profile/report"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

const usage = `usage: leakreport [-md | -html] [-main module] old.pb.gz new.pb.gz
       leakreport [-md | -html] DIR
`

// run executes the command and returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("leakreport", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	markdown := flags.Bool("md", false, "write Markdown")
	html := flags.Bool("html", false, "write HTML")
	module := flags.String("main", "", "`path` of the main module, whose code counts as your own; guessed if not set")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if *markdown && *html {
		fmt.Fprintln(stderr, "leakreport: choose one of -md and -html")
		return 2
	}
	var report *report.Report
	var err error
	switch files := flags.Args(); len(files) {
	case 1:
		// Keep the list out of the document.
		list := stdout
		if *markdown || *html {
			list = stderr
		}
		report, err = explainFolder(list, files[0])
	case 2:
		report, err = compareFiles(files[0], files[1], *module)
	default:
		flags.Usage()
		return 2
	}
	if err != nil {
		complain(stderr, err)
		return 1
	}
	write := report.WriteText
	switch {
	case *markdown:
		write = report.WriteMarkdown
	case *html:
		write = report.WriteHTML
	}
	out := bufio.NewWriter(stdout)
	if err := errors.Join(write(out), out.Flush()); err != nil {
		complain(stderr, err)
		return 1
	}
	return 0
}

// compareFiles reports what grew from one file to the other.
func compareFiles(base, now, module string) (*report.Report, error) {
	b, err := profile.ReadFile(base)
	if err != nil {
		return nil, err
	}
	n, err := profile.ReadFile(now)
	if err != nil {
		return nil, err
	}
	c, err := diff.Compare(b, n, diff.Config{MainModule: module})
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", base, now, err)
	}
	return report.Explain(report.InputOf(c, base, now)), nil
}

// explainFolder reports the newest incident in a guard's folder, or the
// incident whose folder dir is.
func explainFolder(list io.Writer, dir string) (*report.Report, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if fi, err := os.Stat(dir); err == nil && !fi.IsDir() {
		return nil, fmt.Errorf("%s is a single file: pass two profiles to compare, or a guard's folder", dir)
	}
	if incident.IsID(filepath.Base(dir)) {
		return report.ExplainFolder(dir)
	}
	kept, err := incident.OpenStore(dir)
	if err != nil {
		return nil, err
	}
	incidents, err := kept.Incidents()
	if err != nil {
		return nil, err
	}
	if len(incidents) == 0 {
		return nil, fmt.Errorf("no incidents in %s: pass the folder that the guard logs as dir", dir)
	}
	for _, m := range incidents {
		fmt.Fprintf(list, "%s  %s\n", m.ID, words.Clean(says(m), 1<<10))
	}
	fmt.Fprintln(list)
	return report.ExplainFolder(filepath.Join(dir, incidents[len(incidents)-1].ID))
}

// complain writes an error. Its names may come from a file that somebody else wrote, so
// what a terminal would obey is escaped.
func complain(stderr io.Writer, err error) {
	lines := strings.Split(err.Error(), "\n")
	for i := range lines {
		lines[i] = words.Printable(lines[i])
	}
	fmt.Fprintln(stderr, "leakreport:", strings.Join(lines, "\n"))
}

// says describes an incident in one line.
func says(m incident.Manifest) string {
	switch {
	case m.Headline != "":
		return m.Headline
	case m.CutShort:
		return "cut short: the process died before it wrote the manifest"
	default:
		return m.Reason
	}
}
