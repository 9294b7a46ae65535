// Package patterns has servers and requests whose goroutines wait, come, go and
// grow, but do not leak: the leaks of the Go distribution's collection in their
// fixed versions, and healthy servers. A leak detector must stay silent on all of
// them.
package patterns
