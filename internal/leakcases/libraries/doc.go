// Package libraries has only tests: fifteen libraries that start goroutines, as users
// call them. Closed rightly, guardtest must report none of them. Left open, its report must
// name the package and the call that started the goroutines.
//
// The tests are in a module of their own, whose path is not below leakguard's, so that the
// code of the library is not that of the main module, and its requirements are nobody
// else's.
package libraries
