//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// held is the service's honest heap.
var held struct {
	chunks [][]byte
	nodes  *node
	double [][]byte
}

// holdMemory allocates the heap that the service needs. Without it every profile
// would name the leak, because there would be nothing else to name.
//
//go:noinline
func holdMemory(bytes int, linked bool) {
	if linked {
		for range bytes / nodeSize {
			held.nodes = &node{next: held.nodes}
		}
		return
	}
	for range bytes / *chunk {
		b := make([]byte, *chunk)
		touch(b)
		held.chunks = append(held.chunks, b)
	}
}

// touch makes the kernel account for each page of b.
func touch(b []byte) {
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
}

type order struct {
	ID    int               `json:"id"`
	Notes map[string]string `json:"notes"`
	Lines []string          `json:"lines"`
}

// serve is a worker that encodes and decodes documents of about 4 KiB. It works for
// a millisecond and then waits, so that it works for the given share of the time.
func serve(share float64) {
	in := order{Notes: map[string]string{}}
	for i := range 40 {
		in.Notes[fmt.Sprint("note ", i)] = "left with the neighbours, second floor"
		in.Lines = append(in.Lines, "one more line of an order of a modest size")
	}
	const slice = time.Millisecond
	for begun := time.Now(); ; in.ID++ {
		doc, err := json.Marshal(in)
		var out order
		if err == nil {
			err = json.Unmarshal(doc, &out)
		}
		if err != nil || out.ID != in.ID {
			fmt.Fprintln(os.Stderr, "victim: a document changed in transit:", err)
			os.Exit(1)
		}
		if share < 1 && time.Since(begun) > slice {
			time.Sleep(time.Duration(float64(slice) * (1 - share) / share))
			begun = time.Now()
		}
	}
}

// sink makes garbage escape to the heap, for each of two goroutines.
var sink [2][]byte

// makeGarbage allocates at a rate in MiB/s, or as fast as it can if that is less,
// and keeps nothing.
func makeGarbage(i int, rate float64, stop time.Time, note func(int64)) {
	const slice = time.Millisecond
	for begun := time.Now(); begun.Before(stop); begun = time.Now() {
		for done := 0.0; done < rate*(1<<20)*slice.Seconds(); done += float64(*chunk) {
			sink[i] = make([]byte, *chunk)
			touch(sink[i])
			note(int64(*chunk))
		}
		time.Sleep(slice - time.Since(begun))
	}
}

// doubleHeap allocates as much as the service holds over a quarter of each period,
// keeps it for a quarter and then releases it.
func doubleHeap(bytes int, period time.Duration, stop time.Time) {
	const steps = 50
	for time.Now().Before(stop) {
		for range steps {
			for range bytes / *chunk / steps {
				b := make([]byte, *chunk)
				touch(b)
				held.double = append(held.double, b)
			}
			time.Sleep(period / 4 / steps)
		}
		time.Sleep(period / 4)
		held.double = nil
		time.Sleep(period / 2)
	}
}
