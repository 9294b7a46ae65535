module github.com/leakguard/leakguard

go 1.25.0

require (
	// v0.30.0 on purpose: the last release that profiles. A higher requirement
	// would take profiling away from the very users whose payloads sentryhook
	// throttles. Newer releases work too; sentryhook/newest tests that.
	github.com/getsentry/sentry-go v0.30.0
	github.com/google/pprof v0.0.0-20260906184651-6331bc6350fe
	go.uber.org/goleak v1.3.0 // tests only
)

require (
	golang.org/x/sys v0.32.0 // indirect
	golang.org/x/text v0.14.0 // indirect
)
