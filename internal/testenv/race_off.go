//go:build !race

package testenv

// RaceEnabled says that the race detector is on: then memory and time of a test are
// the detector's, too.
const RaceEnabled = false
