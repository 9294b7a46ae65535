// Package otelguard exports the state of a guard to OpenTelemetry, as asynchronous
// instruments:
//
//	g, err := guard.Start(guard.Config{})
//	...
//	registration, err := otelguard.Register(otel.GetMeterProvider(), g)
//	...
//	defer registration.Unregister()
//
// It is a module of its own, so that programs which do not use OpenTelemetry do not
// get its dependencies.
//
// # Instruments
//
// They are the same as in promguard. Their names follow OpenTelemetry's semantic
// conventions if these define one, and otherwise start with leakguard:
//
//	leakguard.live_heap             By    heap found reachable by the last garbage collection
//	leakguard.heap                  By    live objects and garbage
//	go.goroutine.count
//	leakguard.leaked_goroutines           those at sites that the census considers leaking
//	process.thread.count
//	process.memory.usage            By    resident set
//	container.memory.working_set    By    as counted by the kubelet
//	container.memory.usage          By    including the page cache
//	leakguard.memory                By    memory that the kernel cannot reclaim
//	leakguard.memory_part           By    leakguard.part: breakdown of that memory; the parts add up
//	leakguard.limit                 By    leakguard.source: limit above which the process is killed
//	go.memory.limit                 By    GOMEMLIMIT
//	leakguard.memory_growth         By/s  current rate
//	leakguard.time_to_limit         s     at that rate; absent while memory does not grow
//	leakguard.under_pressure              1 while an out-of-memory kill is close
//	leakguard.rule_open                   leakguard.rule: 1 while the rule has an open incident
//	leakguard.trend_state                 leakguard.signal, leakguard.state: over hours
//	leakguard.readings
//	leakguard.incidents                   leakguard.rule: 'manual' for manual captures
//	leakguard.pressure_episodes
//	leakguard.captures                    leakguard.kind, leakguard.outcome: profiles written, skipped, failed
//	leakguard.captures_refuted            the growth was garbage
//	leakguard.baselines
//	leakguard.censuses
//	leakguard.reports
//	leakguard.events_delivered
//	leakguard.sink_failures
//	leakguard.dropped                     leakguard.what, leakguard.why: items dropped, by kind and reason
//	leakguard.panics                      recovered
//
// A value that is unknown on a platform is absent, never 0.
//
// # Concurrency
//
// [Register] may be called from any goroutine. The provider may collect from
// several.
//
// # Cost
//
// Between collections there is no cost. A collection asks the guard's goroutine for
// one [guard.Snapshot] and takes about 0.1 ms (BenchmarkCollect).
package otelguard
