package main

import (
	"fmt"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// row is one line of the table.
type row struct {
	At      time.Duration    `json:"at_ns"` // since the start
	Step    string           `json:"step"`
	Reading incident.Reading `json:"reading"`
}

const line = "%6s  %-12s %10s %11s %9s %9s  %s\n"

func header() {
	fmt.Printf("A job writes a file of %v in a container of %v.\n\n", profile.Bytes(fileSize), profile.Bytes(limit))
	fmt.Printf(line, "time", "step", "usage", "working set", "must stay", "Go heap", "verdict")
}

// print prints a row. first is the reading at the start, to show what has grown.
func (r row) print(first incident.Reading) {
	d := r.Reading.Division()
	fmt.Printf(line, fmt.Sprintf("%.0f s", r.At.Seconds()), r.Step, r.Reading.CgroupUsage, r.Reading.CgroupWorkingSet,
		r.Reading.Unreclaimable, d.GoLive+d.GoGarbage, r.Reading.Verdict(&first).Class)
}

// conclude breaks down the reading that looks worst and says what to remember.
func conclude(rows []row, incidents int64) {
	worst := rows[0]
	for _, r := range rows {
		if r.Reading.CgroupWorkingSet >= worst.Reading.CgroupWorkingSet {
			worst = r
		}
	}
	fmt.Printf("\nWhat filled the memory after %.0f s:\n", worst.At.Seconds())
	for _, p := range worst.Reading.Division().Parts() {
		if p.Bytes >= 64<<10 {
			note := ""
			if p.Reclaimable {
				note = "  the kernel reclaims it before it kills"
			}
			fmt.Printf("  %10v  %s%s\n", p.Bytes, p.Name, note)
		}
	}
	fmt.Printf("\n%s.\nThe guard opened %d incidents.\n", worst.Reading.Verdict(&rows[0].Reading).Text, incidents)
	fmt.Println("\nRemember: usage and working set include files that were written or read; only memory that must stay can get the process killed.")
}
