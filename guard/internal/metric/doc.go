// Package metric lists what a guard's state is as metrics, once for all the
// systems that collect them: guard/promguard and guard/otelguard, modules of their
// own, give the same list to Prometheus and to OpenTelemetry.
//
// A collection takes one guard.Snapshot, and each [Metric] picks from it. What is
// not known (profile.Unknown) is not emitted: an absent value is a finding, a 0
// would be a lie. Listing allocates a few KiB a collection, nothing between two.
package metric
