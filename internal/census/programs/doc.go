// Package programs holds the tests that judge the goroutine census on real
// programs: the leaks that ship with the Go distribution, repeated as a service
// would repeat them; the same leaks as they were fixed; and servers that are
// healthy. It exports nothing.
package programs
