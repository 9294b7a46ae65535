// Package promguard exports the state of a guard to Prometheus, as a
// [prometheus.Collector]:
//
//	g, err := guard.Start(guard.Config{})
//	...
//	prometheus.MustRegister(promguard.NewCollector(g))
//
// It is a module of its own, so that programs which do not use Prometheus do not
// get its dependencies.
//
// # Metrics
//
// All names begin with leakguard_. A value that is unknown on a platform is absent,
// never 0. Use absent() in alerts where that matters.
//
//	live_heap_bytes                   heap found reachable by the last garbage collection
//	heap_bytes                        live objects and garbage
//	goroutines                        number of goroutines
//	leaked_goroutines                 those at sites that the census considers leaking
//	threads                           operating system threads
//	resident_set_bytes                of the process
//	working_set_bytes                 of the cgroup, as counted by the kubelet
//	cgroup_usage_bytes                including the page cache
//	memory_bytes                      memory that the kernel cannot reclaim
//	memory_part_bytes{part}           breakdown of that memory; the parts add up
//	limit_bytes{source}               limit above which the process is killed
//	gomemlimit_bytes                  soft limit of the Go runtime
//	memory_growth_bytes_per_second    current rate
//	time_to_limit_seconds             at that rate; +Inf while memory does not grow
//	under_pressure                    1 while an out-of-memory kill is close
//	rule_open{rule}                   1 while the rule has an open incident
//	trend_state{signal,state}         calm, growing or leaking, over hours
//	readings_total
//	incidents_total{rule}             'manual' for manual captures
//	pressure_episodes_total
//	captures_total{kind,outcome}      profiles written, skipped, failed
//	captures_refuted_total            the growth was garbage
//	baselines_total
//	censuses_total
//	reports_total
//	events_delivered_total
//	sink_failures_total
//	dropped_total{what,why}           items dropped, by kind and reason
//	panics_total                      recovered
//
// alerts.yml has alert rules for these metrics, and dashboard.json a Grafana
// dashboard.
//
// # Concurrency
//
// A [Collector] is safe for concurrent use.
//
// # Cost
//
// Between scrapes there is no cost. A scrape asks the guard's goroutine for one
// [guard.Snapshot] and takes about 70 µs (BenchmarkCollect).
package promguard
