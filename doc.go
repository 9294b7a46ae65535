// Package leakguard is the root of a library that watches the process it lives
// in, and saves the evidence of a memory or goroutine leak before the kernel
// kills the process. It holds no code. Start with package guard:
//
//	g, err := guard.Start(guard.Config{})
//	if err != nil {
//		return err
//	}
//	defer g.Close()
//
// # Packages
//
//   - [github.com/leakguard/leakguard/guard] is the policy. It samples the
//     process, opens an incident when a signal crosses a rule's line, takes the
//     evidence, and tells sinks.
//   - [github.com/leakguard/leakguard/guard/guardhttp] serves a live page, the
//     evidence and a readiness probe over HTTP.
//   - [github.com/leakguard/leakguard/guard/guardtest] fails the test that
//     leaves goroutines, heap, descriptors or timers behind.
//   - [github.com/leakguard/leakguard/profile] and the packages below it are the
//     evidence as data: they capture and read profiles, read incidents, find who
//     grew, and explain that.
//   - [github.com/leakguard/leakguard/profile/cmd/leakreport] writes the report
//     of any two profiles, or of a folder that you copied.
//   - [github.com/leakguard/leakguard/sentryhook] delivers incidents to Sentry,
//     and makes profiling payloads fit what relays accept.
//   - guard/promguard, guard/otelguard, guard/blobsink and guard/pyrosink are
//     modules of their own for Prometheus, OpenTelemetry, object storage and
//     Grafana Pyroscope.
//   - examples has one runnable story per folder. Begin with examples/leaky.
//
// # How it works
//
//  1. The Go runtime's metrics, the memory cgroup and /proc give a reading, once
//     a second in calm times and up to every 10 ms when memory grows.
//  2. Rules compare readings with lines. A crossing opens an incident, which
//     stays open until the signal has been below a lower line for a while.
//  3. A capture writes profiles into the incident's folder: first what is there,
//     with a baseline from calm times to compare with, then what a forced GC makes
//     fresh, and last a manifest.
//  4. When there is memory for it, the profiles are compared with the baseline
//     and the report is written.
//  5. Sinks are told of each step. What a sink did not accept is offered again
//     after the next start.
//
// # Imports
//
// Imports point one way: guard imports profile, both import internal packages,
// and those import nothing public, except the store of incidents, which imports
// profile.
package leakguard
