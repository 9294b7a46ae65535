//go:build linux

package main

import "time"

// node is a small object that the collector must visit to find the next one.
type node struct {
	next *node
	_    [56]byte
}

const nodeSize = 64

// leaked keeps the leak reachable, for each of the two leaking goroutines.
var leaked [2]struct {
	chunks [][]byte
	nodes  *node
	_      [64]byte // puts each on its own cache line
}

// leakHere is the culprit that the evidence must name. It paces itself by the
// clock. When it is behind schedule, it leaks without a pause to make up for the time
// that a collection or the guard took, like a service with a queue of requests.
//
//go:noinline
func leakHere(i int, start time.Time, note func(int64)) {
	perSecond, unit := *rate*(1<<20)/2, float64(*chunk)
	if *shape == "goroutines" {
		perSecond, unit = *spawn/2, 1
	}
	never := make(chan struct{})
	for done := 0.0; ; {
		for due := perSecond * time.Since(start).Seconds(); done < due; done += unit {
			switch *shape {
			case "chunks":
				b := make([]byte, *chunk)
				touch(b)
				leaked[i].chunks = append(leaked[i].chunks, b)
			case "linked":
				for range *chunk / nodeSize {
					leaked[i].nodes = &node{next: leaked[i].nodes}
				}
			case "goroutines":
				go func() { <-never }()
			}
			note(int64(unit))
		}
		time.Sleep(time.Millisecond)
	}
}
