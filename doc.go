// Package leakguard is the root of a library that watches the process it lives
// in, and saves the evidence of a memory or goroutine leak before the kernel
// kills the process. It holds no code; start with package guard:
//
//	g, err := guard.Start(guard.Config{})
//	if err != nil {
//		return err
//	}
//	defer g.Close()
//
// # Packages
//
//   - [github.com/leakguard/leakguard/guard] is the policy: it takes readings
//     of the process, opens an incident when one crosses a rule's line, has the
//     evidence saved, and tells sinks.
//   - [github.com/leakguard/leakguard/profile] is the evidence and its data:
//     it captures profiles, keeps them in folders that are whole and bounded,
//     compares them, and reports who leaks.
//   - [github.com/leakguard/leakguard/sentryhook] delivers incidents to Sentry, and
//     keeps the SDK's profiling payloads within what relays accept.
//   - profile/cmd/leakreport is the report for whoever holds two profiles.
//   - examples/leaky is a web service with a leak, to see all of it at work;
//     examples/seed the story that the library began with.
//
// # The way of the data
//
//  1. The runtime's metrics, the memory cgroup and /proc give a reading
//     (profile.Reading), once a second in calm times and every 10 ms at need.
//  2. Rules (guard.Rule) compare readings with lines; a crossing opens an
//     incident (guard.Incident), which stays one incident until the signal has
//     stayed below a lower line for a while.
//  3. A capture writes profiles into the incident's folder (profile.Store):
//     first what is there, then what a forced GC makes fresh, beside both the
//     baseline to compare with, and last a manifest that says what and why.
//  4. An explanation compares the profiles with the baseline and writes the
//     report (profile.Report), when there is memory and peace for it.
//  5. Sinks (guard.Sink) are told of each step, and what one did not accept is
//     offered again after the next start.
//
// Imports point one way: guard imports profile, both import internal packages,
// and these import nothing of the library that is public.
package leakguard
