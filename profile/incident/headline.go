package incident

import (
	"bytes"
	"io"
	"os"

	"github.com/leakguard/leakguard/internal/bounded"
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
	head, err := io.ReadAll(io.LimitReader(f, bounded.MaxText))
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	return string(bytes.TrimSpace(line))
}
