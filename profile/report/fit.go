package report

import (
	"cmp"
	"fmt"
	"sort"
	"strings"

	"github.com/leakguard/leakguard/profile"
)

// The largest size of each rendering, in bytes. Text goes into a log line or a
// terminal, Markdown into an issue (trackers accept about 64 KiB), HTML into an
// attachment.
const (
	maxReportText     = 8 << 10
	maxReportMarkdown = 32 << 10
	maxReportHTML     = 3 << 19
)

// roomForNote is reserved for the sentence that says what was cut.
const roomForNote = 512

// fit renders sections within room bytes, whatever is in them. It renders the
// weightiest first, each with as many rows as fit. Every section but the
// weightiest gets at most half of the remaining room. A section that does not
// fit even with one row is omitted and named in the note.
func fit(sections []section, room int, rows []int, render func(s section, rows int) string) (parts []string, note string) {
	order := make([]int, len(sections))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return sections[order[i]].weight < sections[order[j]].weight })
	room -= roomForNote
	rendered := make([]string, len(sections))
	var out, short []string
	for _, i := range order {
		s := sections[i]
		most := room / 2
		if s.weight <= 1 {
			most = room
		}
		for try, n := range rows {
			if text := render(s, n); len(text) <= most {
				rendered[i], room = text, room-len(text)
				if try > 0 && s.title != "" {
					short = append(short, s.title)
				}
				break
			}
		}
		if rendered[i] == "" {
			out = append(out, cmp.Or(s.title, "Summary"))
		}
	}
	for _, text := range rendered {
		if text != "" {
			parts = append(parts, text)
		}
	}
	if len(out) > 0 {
		note = "Omitted to save space: " + strings.Join(out, ", ") + ". "
	}
	if len(short) > 0 {
		note += "Shortened: " + strings.Join(short, ", ") + ". "
	}
	return parts, strings.TrimSpace(note)
}

// more says how many rows follow; "" if none does.
func more(shown, all int) string {
	if all <= shown {
		return ""
	}
	return fmt.Sprintf("… and %s more", profile.Count(all-shown))
}
