// Package report explains an incident, and renders the explanation as text,
// Markdown and HTML.
//
// It does not compute what grew; package diff does.
//
//  1. [ExplainFolder] reads an incident's folder and compares its profiles with their
//     baselines. [InputOf] takes a comparison of two profiles of any program instead.
//  2. [Explain] makes a [Report] of that [Input]. It ranks the suspects of all kinds
//     together. It joins goroutines of a library to who calls it, and waiting goroutines
//     to who starts them (explain_join.go). It weighs goroutines by the memory that they
//     can hold (explain_weigh.go), and looks at who was at work where the heap profile is
//     older than the leak (explain_allocators.go). It finds the goroutines that other
//     suspects grow with (explain_roles.go, explain_proportion.go) or that explain the CPU
//     use of an idle process (explain_idle.go). It limits the confidence by what the
//     incident proves (explain_caution.go), and says what helps against known kinds of
//     leaks (explain_class.go). It writes the headline (explain_headline.go), collects the
//     doubts (explain_doubts.go) and the commands to type next (explain_next.go).
//     The report of a death comes from explain_death.go.
//  3. The report becomes sections of facts, points, tables, charts and commands
//     (sections.go, details.go, filling.go, chart.go, flame.go).
//  4. [Report.WriteText], [Report.WriteMarkdown] and [Report.WriteHTML] write the
//     sections, each within its own size limit (fit.go), and escape everything that
//     comes from a file. [Report.WriteForms] writes all three.
//
// # Concurrency
//
// All functions may be called from several goroutines at once. A [Report] may be
// rendered by several goroutines while nobody changes it.
//
// # Cost
//
// For the largest comparison that package diff returns, [Explain] takes 0.1 ms and
// 24 KB (BenchmarkExplain), text and Markdown 0.6 ms and 0.4 MB each, HTML 3 ms and
// 4.6 MB (BenchmarkWriteReport, on two cores of a virtual machine). A binary that
// writes reports grows by 390 KB, of which 65 KB draw the HTML page and take no
// memory until a page is written.
package report
