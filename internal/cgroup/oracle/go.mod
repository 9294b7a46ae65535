module github.com/leakguard/leakguard/internal/cgroup/oracle

go 1.25.0

require (
	github.com/KimMachineGun/automemlimit v1.0.1
	github.com/leakguard/leakguard v0.0.0-00010101000000-000000000000
)

require github.com/pbnjay/memory v0.0.0-20210728143218-7b4eea64cf58 // indirect

replace github.com/leakguard/leakguard => ../../..
