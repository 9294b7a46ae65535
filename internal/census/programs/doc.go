// Package programs holds the tests that judge the goroutine census on real
// programs: the leaks that ship with the Go distribution, repeated as a service
// would repeat them, the same leaks in their fixed versions, and healthy servers.
// It exports nothing.
package programs
