// Package oracle compares the limit that package cgroup finds with what
// github.com/KimMachineGun/automemlimit finds, in real control groups. It is a
// module of its own so that the library does not require that one:
//
//	cd internal/cgroup/oracle && go test ./...
package oracle
