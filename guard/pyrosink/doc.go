// Package pyrosink pushes the profiles of incidents to Grafana Pyroscope, beside
// the profiles that the fleet collects there all the time.
//
//	sink, err := pyrosink.New("https://pyroscope.example.com", pyrosink.Config{})
//	...
//	g, err := guard.Start(guard.Config{Sinks: []guard.Sink{sink}})
//
// # The way of the data
//
// When evidence is captured, the sink waits for the report, for its first suspect
// is a label. Then each kind of profile is posted to /ingest as the pprof file that
// it is (https://grafana.com/docs/pyroscope/latest/reference-server-api), the newest
// of the incident, and its baseline beside it; compare the two in Pyroscope by
// their label phase. Of a heap profile Pyroscope is told to keep what is in use:
// what was allocated counts from the start of the process, which it would add up.
//
//	name     the service, or Config.App
//	labels   version, host, pod, rule, suspect, incident, phase ("incident" or
//	         "baseline"), and Config.Labels
//	time     when the incident opened
//
// A request that fails is tried again with back-off for as long as the guard lets
// the sink (30 s), and the incident is offered again after the next start. A profile
// that was posted is not posted again.
//
// In a fleet, let one sink decide who speaks for all: Config.Only takes
// blobsink's Claim.
//
// It needs nothing but the standard library; it is a module of its own as the other
// sinks for fleets are, so that its network code is in no other binary.
package pyrosink
