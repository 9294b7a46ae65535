// Package guardhttp has the HTTP handlers of a guard.
//
//   - [Ready] answers readiness probes, with 503 under memory pressure.
//
// Handlers are values to put where you like: nothing is registered anywhere.
package guardhttp
