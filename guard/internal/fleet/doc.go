// Package fleet is shared by the sinks that bring evidence to the place where a
// whole fleet looks, guard/blobsink and guard/pyrosink. It reads an event's
// incident, names it for the fleet, and retries requests.
//
// Incidents of a fleet usually have a common cause: a release leaks, and every
// process of it opens an incident. These incidents share an [Incident.Key]:
// service, version, rule and first suspect.
//
// # Concurrency
//
// All functions are safe for concurrent use. An [Incident] is a value.
package fleet
