package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// writeCases writes a row for each way of each case.
func writeCases(w io.Writer, results []result) {
	fmt.Fprint(w, "| case | class | half | way | verdict | says | confidence |\n|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		for _, l := range r.Lines {
			says, confidence := "–", "–"
			if l.Function != "" {
				says, confidence = "`"+unescape(l.Function)+"`", fmt.Sprintf("%.0f%%", 100*l.Confidence)
			}
			fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s |\n", r.Case, r.Class, r.Half, l.Way, l.Verdict, says, confidence)
		}
	}
}

// writeTotals writes how many lines are right, for each half and way.
func writeTotals(w io.Writer, results []result) {
	fmt.Fprint(w, "| half | way | leaks | right | half | wrong | none | failed | healthy | quiet | accused | failed |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, half := range []string{tuned, untouched} {
		for _, way := range ways {
			leaks, healthy := make(map[verdict]int), make(map[verdict]int)
			leakLines, healthyLines := 0, 0
			for _, r := range results {
				for _, l := range r.Lines {
					switch {
					case r.Half != half || l.Way != way:
					case r.Healthy:
						healthy[l.Verdict]++
						healthyLines++
					default:
						leaks[l.Verdict]++
						leakLines++
					}
				}
			}
			if leakLines+healthyLines == 0 {
				continue
			}
			fmt.Fprintf(w, "| %s | %s | %d | %s | %d | %d | %d | %d | %d | %s | %d | %d |\n", half, way,
				leakLines, part(leaks[right], leakLines), leaks[halfRight], leaks[wrong], leaks[none], leaks[failed],
				healthyLines, part(healthy[quiet], healthyLines), healthy[accused], healthy[failed])
		}
	}
}

// part writes a number and its share of all.
func part(n, all int) string {
	if all == 0 {
		return "–"
	}
	return fmt.Sprintf("%d (%.0f%%)", n, 100*float64(n)/float64(all))
}

// bin is a row of the calibration: the lines that accuse somebody with a confidence of at
// least from and less than the next bin's.
type bin struct {
	name         string
	from         float64
	lines, right int
	halfRight    int
	stated       float64 // sum of the confidences
}

// calibrate puts all lines that accuse somebody into bins by their stated confidence. What
// is said of a healthy case is not right.
func calibrate(results []result) []bin {
	bins := []bin{
		{name: "below 50%"}, {name: "50–60%", from: 0.5}, {name: "60–70%", from: 0.6}, {name: "70–80%", from: 0.7},
		{name: "80–90%", from: 0.8}, {name: "90–100%", from: 0.9},
	}
	for _, r := range results {
		for _, l := range r.Lines {
			if l.Function == "" || l.Verdict == failed {
				continue
			}
			i := len(bins) - 1
			for i > 0 && l.Confidence < bins[i].from {
				i--
			}
			b := &bins[i]
			b.lines++
			b.stated += l.Confidence
			switch l.Verdict {
			case right:
				b.right++
			case halfRight:
				b.halfRight++
			}
		}
	}
	return bins
}

// writeCalibration writes stated confidence against truth.
func writeCalibration(w io.Writer, results []result) {
	fmt.Fprint(w, "| confidence | lines | stated | right | half right |\n|---|---|---|---|---|\n")
	bins := calibrate(results)
	sure, sureRight := 0, 0
	for _, b := range bins {
		stated := "–"
		if b.lines > 0 {
			stated = fmt.Sprintf("%.0f%%", 100*b.stated/float64(b.lines))
		}
		fmt.Fprintf(w, "| %s | %d | %s | %s | %s |\n", b.name, b.lines, stated, part(b.right, b.lines), part(b.halfRight, b.lines))
		if b.from >= 0.7 {
			sure, sureRight = sure+b.lines, sureRight+b.right
		}
	}
	fmt.Fprintf(w, "\nOf the lines said at 70%% or more, %s of %d are right.\n", part(sureRight, sure), sure)
}

// writeNotes says which runs failed, and why.
func writeNotes(w io.Writer, results []result) {
	for _, r := range results {
		for _, l := range r.Lines {
			if l.Note != "" {
				fmt.Fprintf(w, "%s, %s: %s\n", r.Case, l.Way, strings.TrimSpace(l.Note))
			}
		}
	}
}

func sortResults(results []result) {
	slices.SortFunc(results, func(a, b result) int {
		return cmp.Or(strings.Compare(a.Half, b.Half), boolCompare(a.Healthy, b.Healthy), strings.Compare(a.Case, b.Case))
	})
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
