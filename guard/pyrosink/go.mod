module github.com/leakguard/leakguard/guard/pyrosink

go 1.25.0

replace github.com/leakguard/leakguard => ../..

require (
	github.com/google/pprof v0.0.0-20260906184651-6331bc6350fe
	github.com/leakguard/leakguard v0.0.0-00010101000000-000000000000
)

require go.uber.org/goleak v1.3.0 // indirect
