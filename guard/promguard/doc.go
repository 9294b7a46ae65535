// Package promguard gives the state of a guard to Prometheus, as a
// [prometheus.Collector]:
//
//	g, err := guard.Start(guard.Config{})
//	...
//	prometheus.MustRegister(promguard.NewCollector(g))
//
// It is a module of its own, so that who does not use Prometheus does not get its
// dependencies.
//
// # Metrics
//
// All begin with leakguard_. What is not known on a platform is absent, and never
// 0; so write alerts with absent() where that matters.
//
//	live_heap_bytes                   heap that the last garbage collection found reachable
//	heap_bytes                        live objects and garbage
//	goroutines                        their number
//	leaked_goroutines                 those that the census takes for leaked
//	threads
//	resident_set_bytes                of the process
//	working_set_bytes                 of the cgroup, as the kubelet counts
//	cgroup_usage_bytes                with the page cache
//	memory_bytes                      what the kernel cannot take back
//	memory_part_bytes{part}           how the memory divides; the parts add up
//	limit_bytes{source}               whose excess ends the process
//	gomemlimit_bytes
//	memory_growth_bytes_per_second    now
//	time_to_limit_seconds             at that rate; +Inf while memory does not grow
//	under_pressure                    1 while death is near enough to leave in time
//	rule_open{rule}                   1 while it has an open incident
//	trend_state{signal,state}         calm, growing or leaking, over hours
//	readings_total
//	incidents_total{rule}             'manual' for captures by hand
//	pressure_episodes_total
//	captures_total{kind,outcome}      profiles written, skipped, failed
//	captures_refuted_total            what rose was garbage
//	baselines_total
//	censuses_total
//	reports_total
//	events_delivered_total
//	sink_failures_total
//	dropped_total{what,why}           what was lost
//	panics_total                      recovered
//
// Alert rules for them are in alerts.yml, a Grafana dashboard in dashboard.json.
//
// # Cost
//
// Nothing between two scrapes. A scrape asks the guard's goroutine for one
// [guard.Snapshot] and takes about 70 µs (BenchmarkCollect).
package promguard
