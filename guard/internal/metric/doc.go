// Package metric lists a guard's state as metrics, once for all systems that
// collect them. The nested modules guard/promguard and guard/otelguard export this
// list to Prometheus and to OpenTelemetry.
//
// A collection takes one guard.Snapshot, and each [Metric] picks its values from
// it. Unknown values (profile.Unknown) are not emitted: an absent value is
// information, a 0 would be wrong.
//
// # Concurrency
//
// [List] and the metrics' Read are safe for concurrent use.
//
// # Cost
//
// A collection allocates a few KiB. Between collections there is no cost.
package metric
