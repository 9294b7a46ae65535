// Package words puts durations, amounts and foreign texts into the words that logs,
// reports and pages share.
//
// It computes only, from its arguments alone.
package words
