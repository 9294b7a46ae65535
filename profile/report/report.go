package report

import (
	"github.com/leakguard/leakguard/profile/diff"
	"github.com/leakguard/leakguard/profile/incident"
)

// Report is an incident explained: one model with three renderings.
// [Report.WriteText] is for logs and terminals, [Report.WriteMarkdown] for
// issue trackers, and [Report.WriteHTML] for browsers. [Explain] makes it.
// Several goroutines may render it at once.
type Report struct {
	// Headline names in one sentence the first suspect, how much it grew and
	// where it is. If there is no suspect it says what is known instead.
	Headline string
	// Manifest is the incident. It is the zero value, with ID "", in the report
	// of two files.
	Manifest incident.Manifest
	// Suspects are those of all kinds, most likely first, with their roles.
	Suspects incident.Suspects
	// Heap, Goroutine and CPU are the comparisons behind it; nil if there is
	// none.
	Heap, Goroutine, CPU *diff.Comparison
	// GoroutineLeak has the goroutines that the garbage collector proved
	// leaked; nil if there is no such profile.
	GoroutineLeak *diff.Comparison
	// Warnings are doubts about the report that are not errors.
	Warnings []string
	// Next are the commands to type next.
	Next []Command
}

// Command is something to type, and its purpose.
type Command struct {
	Purpose string // such as 'who holds the added memory'
	Line    string // one line for a shell, with paths quoted
}

// Input is what [Explain] makes a report of. The zero value gives a report that
// says that there is no evidence.
type Input struct {
	Manifest incident.Manifest
	// Folder is where the incident's files are, for the commands to type. With
	// "" the commands name files without a folder.
	Folder string
	// BaseFile and NowFile are the paths of two files that are compared, for
	// the commands to type. They are used if Manifest has no artefacts. With ""
	// there are no such commands.
	BaseFile, NowFile string
	// Heap, Goroutine and CPU are comparisons; nil if there is none.
	Heap, Goroutine, CPU *diff.Comparison
	// GoroutineLeak is the comparison of a profile of proven leaks with no
	// baseline; nil if there is no such profile. It turns suspects of Goroutine
	// into proven ones.
	GoroutineLeak *diff.Comparison
	// Warnings are doubts that arose while the evidence was read.
	Warnings []string
}
