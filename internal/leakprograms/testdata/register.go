package main

import (
	"io"
	"runtime/pprof"
	"sync/atomic"
	"time"
)

// The number of yields that the programs do themselves before their profile.
const yieldCount = 10

// cmds are the programs.
var cmds = map[string]func(){}

func register(name string, f func()) { cmds[name] = f }

// copies is how many copies of the bug a call may start.
var copies atomic.Int64

func atMost(n int) int { return min(n, int(copies.Load())) }

// settled stands in for the profile that a program writes at its end.
func settled(*pprof.Profile) silent { return silent{} }

type silent struct{}

func (silent) WriteTo(io.Writer, int) error { return nil }

// pause stands in for the programs' own wait for that profile.
func pause(time.Duration) {}
