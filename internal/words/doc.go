// Package words puts durations, amounts and foreign texts into the words that
// logs, reports and pages share.
//
// [Span] formats durations; [Bytes], [Count] and [Percent] format amounts.
// [CutMiddle], [Printable] and [Clean] make texts from outside safe to show.
// All are pure functions that may be called from several goroutines at once.
package words
