// Leakreport says in words who leaks, from two profiles or from a guard's
// folder.
//
//	leakreport [-md | -html] [-main module] old.pb.gz new.pb.gz
//	leakreport [-md | -html] DIR
//
// The first form compares two heap, goroutine or CPU profiles in pprof's
// format, of any program, and reports what grew from one to the other. The
// second form lists the incidents in a guard's folder, newest last, and reports
// the newest. If DIR is the folder of one incident, it reports that incident.
// It never writes to DIR.
//
// The report goes to standard output: as text, as Markdown for an issue tracker
// (-md), or as one self-contained HTML file (-html). The list goes to standard
// error with -md and -html.
//
// The exit status is 0 on success, 1 if there is nothing to report, and 2 if
// the arguments are wrong.
package main
