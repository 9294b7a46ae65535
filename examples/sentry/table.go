package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/ingest"
	"github.com/leakguard/leakguard/sentryhook"
)

// column is a mode's result and what the server saw of it. The latter is nil if the
// server is not the local one.
type column struct {
	result
	server *ingest.Server
}

// printTable prints results side by side, in Markdown.
func printTable(out io.Writer, columns []column) error {
	rows := []struct {
		name string
		cell func(column) string
	}{
		{"transactions delivered", transactions},
		{"answers 413", func(c column) string { return fmt.Sprint(c.Wire.Statuses[http.StatusRequestEntityTooLarge]) }},
		{"profiles delivered", profiles},
		{"profiles left out, and why", leftOut},
		{"largest body as the SDK made it", func(c column) string { return size(c.Made.Largest) }},
		{"largest body on the wire", func(c column) string { return size(c.Wire.Largest) }},
		{"longest `Finish`", func(c column) string { return c.Finish.Round(100 * time.Microsecond).String() }},
		{"heap, peak", func(c column) string { return size(c.Heap) }},
		{"memory held by Go, peak", func(c column) string { return size(c.Memory) }},
	}
	var b strings.Builder
	b.WriteString("\n| | without sentryhook | transport | transport and gate |\n|---|---|---|---|\n")
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s |", row.name)
		for _, c := range columns {
			fmt.Fprintf(&b, " %s |", row.cell(c))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	_, err := io.WriteString(out, b.String())
	return err
}

func transactions(c column) string {
	if c.server == nil {
		return fmt.Sprintf("? of %d", c.Sent)
	}
	return fmt.Sprintf("%d of %d", c.server.Totals().Transactions, c.Sent)
}

func profiles(c column) string {
	if c.server == nil {
		return "?"
	}
	return fmt.Sprint(c.server.Totals().Profiles)
}

// leftOut says what is known about profiles that did not arrive.
func leftOut(c column) string {
	said := append(reasons(c.Transport.Dropped, "transport"), reasons(c.Gate.Refused, "gate")...)
	if c.server != nil {
		if lost := c.Sent - c.server.Totals().Transactions; lost > 0 {
			said = append(said, fmt.Sprintf("%d lost with its transaction", lost))
		}
		for why, n := range c.server.Totals().Refused {
			said = append(said, fmt.Sprintf("%d relay: %s", n, strings.TrimPrefix(why, "profile: ")))
		}
	}
	if len(said) == 0 {
		return "none"
	}
	slices.Sort(said)
	return strings.Join(said, ", ")
}

func reasons[R interface {
	sentryhook.DropReason | sentryhook.GateReason
	String() string
}](counts map[R]int64, who string) (said []string) {
	for _, r := range slices.Sorted(maps.Keys(counts)) {
		said = append(said, fmt.Sprintf("%d %s: %v", counts[r], who, r))
	}
	return said
}

func size(n int64) string {
	if n < 100_000 {
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
