// Package otelguard gives the state of a guard to OpenTelemetry, as asynchronous
// instruments:
//
//	g, err := guard.Start(guard.Config{})
//	...
//	registration, err := otelguard.Register(otel.GetMeterProvider(), g)
//	...
//	defer registration.Unregister()
//
// It is a module of its own, so that who does not use OpenTelemetry does not get
// its dependencies.
//
// # Instruments
//
// They are those of promguard, named as OpenTelemetry's semantic conventions name
// them where they do, and leakguard.* where they do not:
//
//	leakguard.live_heap             By    heap that the last garbage collection found reachable
//	leakguard.heap                  By    live objects and garbage
//	go.goroutine.count
//	leakguard.leaked_goroutines           those that the census takes for leaked
//	process.thread.count
//	process.memory.usage            By    resident set
//	container.memory.working_set    By    as the kubelet counts
//	container.memory.usage          By    with the page cache
//	leakguard.memory                By    what the kernel cannot take back
//	leakguard.memory_part           By    leakguard.part: how the memory divides; the parts add up
//	leakguard.limit                 By    leakguard.source: whose excess ends the process
//	go.memory.limit                 By    GOMEMLIMIT
//	leakguard.memory_growth         By/s  now
//	leakguard.time_to_limit         s     at that rate; absent while memory does not grow
//	leakguard.under_pressure              1 while death is near enough to leave in time
//	leakguard.rule_open                   leakguard.rule: 1 while it has an open incident
//	leakguard.trend_state                 leakguard.signal, leakguard.state: over hours
//	leakguard.readings
//	leakguard.incidents                   leakguard.rule: 'manual' for captures by hand
//	leakguard.pressure_episodes
//	leakguard.captures                    leakguard.kind, leakguard.outcome: profiles written, skipped, failed
//	leakguard.captures_refuted            what rose was garbage
//	leakguard.baselines
//	leakguard.censuses
//	leakguard.reports
//	leakguard.events_delivered
//	leakguard.sink_failures
//	leakguard.dropped                     leakguard.what, leakguard.why: what was lost
//	leakguard.panics                      recovered
//
// What is not known on a platform is absent, and never 0.
//
// # Cost
//
// Nothing between two collections. One asks the guard's goroutine for one
// [guard.Snapshot] and takes about 0.1 ms (BenchmarkCollect).
package otelguard
