// Package pyrosink pushes the profiles of incidents to Grafana Pyroscope, beside
// the fleet's continuous profiles.
//
//	sink, err := pyrosink.New("https://pyroscope.example.com", pyrosink.Config{})
//	...
//	g, err := guard.Start(guard.Config{Sinks: []guard.Sink{sink}})
//
// It needs nothing but the standard library. It is a module of its own, like the
// other sinks for fleets, so that its network code is in no other binary.
//
// # The way of the data
//
//  1. When evidence has been captured, the sink waits for the report, because its
//     first suspect is a label.
//  2. It posts the incident's newest profile of each kind to /ingest, as a pprof
//     file (https://grafana.com/docs/pyroscope/latest/reference-server-api),
//     together with its baseline. Compare the two in Pyroscope by their label
//     phase. Of a heap profile Pyroscope keeps only the memory in use: it would add
//     up the allocations, which are counted from the start of the process.
//  3. A failed request is retried with back-off until the guard's time limit for
//     a sink (30 s). The incident is offered again after the next start. A profile that
//     has been posted is not posted again.
//
// Profiles are labelled as follows:
//
//	name     the service, or Config.App
//	labels   version, host, pod, rule, suspect, incident, phase ("incident" or
//	         "baseline"), and Config.Labels
//	time     when the incident opened
//
// In a fleet, let one sink decide which processes report an incident: set
// Config.Only to blobsink's Claim.
//
// # Concurrency
//
// A [Sink] is safe for concurrent use.
//
// # Cost
//
// The profiles of an incident are streamed from disk, never held in memory whole.
package pyrosink
