package main

import (
	"io"
	"runtime/pprof"
	"sync/atomic"
	"time"
)

// yieldCount is how often the programs themselves yield before writing their
// profile.
const yieldCount = 10

// cmds holds the programs by name.
var cmds = map[string]func(){}

func register(name string, f func()) { cmds[name] = f }

// copies limits how many copies of the bug a call may start.
var copies atomic.Int64

func atMost(n int) int { return min(n, int(copies.Load())) }

// settled replaces the profile that a program writes at its end.
func settled(*pprof.Profile) silent { return silent{} }

type silent struct{}

func (silent) WriteTo(io.Writer, int) error { return nil }

// pause replaces the programs' own wait before that profile.
func pause(time.Duration) {}
