// Package patterns has servers and requests whose goroutines wait, come, go and
// grow, and do not leak: leaks of the Go distribution's collection as they were
// fixed, and healthy servers. Whoever looks for leaks must stay silent on all.
package patterns
