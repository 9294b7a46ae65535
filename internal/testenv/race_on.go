//go:build race

package testenv

// RaceEnabled reports whether the race detector is on. It takes memory and time of
// its own.
const RaceEnabled = true
