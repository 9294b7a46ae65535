module github.com/leakguard/leakguard/sentryhook/newest

go 1.25.0

require (
	github.com/getsentry/sentry-go v0.50.0
	github.com/leakguard/leakguard v0.0.0
)

require (
	github.com/google/pprof v0.0.0-20260906184651-6331bc6350fe // indirect
	golang.org/x/sys v0.47.0 // indirect
	golang.org/x/text v0.41.0 // indirect
)

replace github.com/leakguard/leakguard => ../..
