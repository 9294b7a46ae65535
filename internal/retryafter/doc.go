// Package retryafter reads how long a server asks its clients to wait: the
// Retry-After header of HTTP, in both of its forms.
//
// A value comes from a machine that we do not control, so every result is between
// 0 and [Longest]: no answer can silence a client for good. What cannot be read is
// reported as such, since only the caller knows what to assume then.
//
// # Cost
//
// A value of seconds takes under 100 ns. A date is tried against three layouts,
// and takes under 1 µs.
//
// # Concurrency
//
// The functions are pure.
package retryafter
