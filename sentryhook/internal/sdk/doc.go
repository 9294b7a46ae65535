// Package sdk is what sentryhook has to know about the inside of sentry-go, from
// v0.30.0 to the newest release, and nothing exported tells: what transport it would
// make, where an event has its profile, and where a client has its event processors. When
// a new release comes out, this is the package to compare with it.
//
// # Cost
//
// Types are inspected once, at the program's start. Afterwards [HasProfile] looks at one
// field, [WithoutProfile] copies one event, and [Prepare] reads two fields.
//
// # Concurrency
//
// The functions may be called from any goroutine.
package sdk
