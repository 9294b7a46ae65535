package incident

import (
	"bytes"
	"context"
	"io"
	"os"
	"regexp"
	"sync"
	"time"

	"github.com/leakguard/leakguard/internal/confined"
	"github.com/leakguard/leakguard/internal/layout"
)

// readHeadline returns the first line of the report in an incident's folder, at most
// 1 KiB of it; "" where there is none, or none yet. The report's text is written after
// its other forms, so then those are there, too.
func readHeadline(dir *os.Root) string {
	f, err := confined.OpenRegular(dir, layout.ReportText, os.O_RDONLY)
	if err != nil {
		return ""
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, maxText))
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	return string(bytes.TrimSpace(line))
}

// ReadHeadline is gone soon.
func ReadHeadline(dir string) string {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return ""
	}
	defer root.Close()
	return readHeadline(root)
}

// pollHeadline is how often AwaitHeadline looks: a stat of a file that is not there
// costs a microsecond or two.
const pollHeadline = 25 * time.Millisecond

// AwaitHeadline is [ReadHeadline] that waits for the report until ctx is done,
// and looks once even then.
func AwaitHeadline(ctx context.Context, dir string) string {
	tick := time.NewTicker(pollHeadline)
	defer tick.Stop()
	for {
		if line := ReadHeadline(dir); line != "" {
			return line
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ""
		}
	}
}

// A headline names a place as 'storage.(*Cache).Put (storage/cache.go:42)', the
// first suspect's first. It is compiled when it is needed, and not at the start of
// every host process.
var headlinePlace = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(\S+) \([^()\s]+:\d+\)`) })

// HeadlineFunction returns the function of the first suspect that a headline
// names; "" where it names none. It is without file and line, which move with each
// release: so what groups incidents by it keeps its groups.
func HeadlineFunction(headline string) string {
	m := headlinePlace().FindStringSubmatch(headline)
	if m == nil {
		return ""
	}
	return m[1]
}
