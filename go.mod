module github.com/leakguard/leakguard

go 1.25.0

require (
	github.com/google/pprof v0.0.0-20260906184651-6331bc6350fe
	go.uber.org/goleak v1.3.0 // tests only
)
