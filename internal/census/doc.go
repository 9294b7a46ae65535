// Package census counts a process's goroutines by where they wait, and says
// where they pile up.
package census
