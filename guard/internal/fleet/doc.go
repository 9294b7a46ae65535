// Package fleet is what the sinks share that bring evidence where the whole fleet
// looks, guard/blobsink and guard/pyrosink: which incident of which process it is,
// what it is called there, and how often a request is tried.
//
// Incidents of a fleet have one cause far more often than they have many: a
// release leaks, and every process of it opens an incident. What they have in
// common is the [Incident.Key]: service, version, rule and first suspect.
package fleet
