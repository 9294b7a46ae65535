module github.com/leakguard/leakguard

go 1.25.0
