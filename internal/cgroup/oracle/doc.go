// Package oracle compares the limit that package cgroup finds with the one that
// github.com/KimMachineGun/automemlimit finds, in real control groups. It is a
// separate module so that the library does not require the other one:
//
//	cd internal/cgroup/oracle && go test ./...
package oracle
