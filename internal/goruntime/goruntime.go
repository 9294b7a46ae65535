package goruntime

import (
	"math"
	"runtime/metrics"
)

// Unknown is the value of a quantity for which this toolchain has no metric.
const Unknown = -1

// Stat is one reading of the Go runtime. Fields are named after those of
// runtime.MemStats where it has the quantity. Amounts are in bytes. A field is
// [Unknown] if the toolchain lacks its metric.
type Stat struct {
	HeapAlloc, HeapLive, HeapInuse, HeapIdle, HeapReleased, HeapSys int64
	TotalAlloc, HeapObjects, Mallocs, Frees                         int64

	StackInuse, StackSys, MSpanInuse, MSpanSys, MCacheInuse, MCacheSys int64
	BuckHashSys, GCSys, OtherSys, Sys                                  int64

	NextGC, ScanHeap, MemoryLimit, NumGC, NumForcedGC int64

	Goroutines, Running, Runnable, Waiting, NotInGo, Created int64

	Threads int64
}

// slot is the index of a metric in table.
type slot int

const (
	heapObjectBytes slot = iota
	heapUnused
	heapFree
	heapReleased
	heapStacks
	osStacks
	mspanInuse
	mspanFree
	mcacheInuse
	mcacheFree
	profBuckets
	metadataOther
	other
	total
	heapLive
	heapGoal
	heapObjectCount
	allocBytes
	allocObjects
	freeObjects
	tinyAllocs
	scanHeap
	gomemlimit
	cycles
	forcedCycles
	goroutines
	running
	runnable
	waiting
	notInGo
	created
	threads

	slots
)

// table names the metric of each slot.
var table = [slots]string{
	heapObjectBytes: "/memory/classes/heap/objects:bytes",
	heapUnused:      "/memory/classes/heap/unused:bytes",
	heapFree:        "/memory/classes/heap/free:bytes",
	heapReleased:    "/memory/classes/heap/released:bytes",
	heapStacks:      "/memory/classes/heap/stacks:bytes",
	osStacks:        "/memory/classes/os-stacks:bytes",
	mspanInuse:      "/memory/classes/metadata/mspan/inuse:bytes",
	mspanFree:       "/memory/classes/metadata/mspan/free:bytes",
	mcacheInuse:     "/memory/classes/metadata/mcache/inuse:bytes",
	mcacheFree:      "/memory/classes/metadata/mcache/free:bytes",
	profBuckets:     "/memory/classes/profiling/buckets:bytes",
	metadataOther:   "/memory/classes/metadata/other:bytes",
	other:           "/memory/classes/other:bytes",
	total:           "/memory/classes/total:bytes",
	heapLive:        "/gc/heap/live:bytes",
	heapGoal:        "/gc/heap/goal:bytes",
	heapObjectCount: "/gc/heap/objects:objects",
	allocBytes:      "/gc/heap/allocs:bytes",
	allocObjects:    "/gc/heap/allocs:objects",
	freeObjects:     "/gc/heap/frees:objects",
	tinyAllocs:      "/gc/heap/tiny/allocs:objects",
	scanHeap:        "/gc/scan/heap:bytes",
	gomemlimit:      "/gc/gomemlimit:bytes",
	cycles:          "/gc/cycles/total:gc-cycles",
	forcedCycles:    "/gc/cycles/forced:gc-cycles",
	goroutines:      "/sched/goroutines:goroutines",
	running:         "/sched/goroutines/running:goroutines",
	runnable:        "/sched/goroutines/runnable:goroutines",
	waiting:         "/sched/goroutines/waiting:goroutines",
	notInGo:         "/sched/goroutines/not-in-go:goroutines",
	created:         "/sched/goroutines-created:goroutines",
	threads:         "/sched/threads/total:threads",
}

// Reader reads the runtime's figures. It must be used by one goroutine at a time.
type Reader struct {
	samples []metrics.Sample
	at      [slots]int // index in samples, or Unknown
}

// NewReader returns a Reader for the metrics that this toolchain has.
func NewReader() *Reader {
	have := make(map[string]bool)
	for _, d := range metrics.All() {
		if d.Kind == metrics.KindUint64 {
			have[d.Name] = true
		}
	}
	r := new(Reader)
	for i, name := range table {
		r.at[i] = Unknown
		if have[name] {
			r.at[i] = len(r.samples)
			r.samples = append(r.samples, metrics.Sample{Name: name})
		}
	}
	return r
}

// Read fills in s. It neither allocates nor stops the world.
func (r *Reader) Read(s *Stat) {
	metrics.Read(r.samples)

	heap, unused := r.value(heapObjectBytes), r.value(heapUnused)
	free, released := r.value(heapFree), r.value(heapReleased)
	tiny := r.value(tinyAllocs)

	s.HeapAlloc = heap
	s.HeapLive = r.value(heapLive)
	s.HeapInuse = sum(heap, unused)
	s.HeapIdle = sum(free, released)
	s.HeapReleased = released
	s.HeapSys = sum(s.HeapInuse, s.HeapIdle)
	s.TotalAlloc = r.value(allocBytes)
	s.HeapObjects = r.value(heapObjectCount)
	// MemStats counts each object that is packed into a 16-byte block. The metric
	// counts only the blocks.
	s.Mallocs = sum(r.value(allocObjects), tiny)
	s.Frees = sum(r.value(freeObjects), tiny)

	s.StackInuse = r.value(heapStacks)
	s.StackSys = sum(s.StackInuse, r.value(osStacks))
	s.MSpanInuse = r.value(mspanInuse)
	s.MSpanSys = sum(s.MSpanInuse, r.value(mspanFree))
	s.MCacheInuse = r.value(mcacheInuse)
	s.MCacheSys = sum(s.MCacheInuse, r.value(mcacheFree))
	s.BuckHashSys = r.value(profBuckets)
	s.GCSys = r.value(metadataOther)
	s.OtherSys = r.value(other)
	s.Sys = r.value(total)

	s.NextGC = r.value(heapGoal)
	s.ScanHeap = r.value(scanHeap)
	s.MemoryLimit = r.value(gomemlimit)
	if s.MemoryLimit == math.MaxInt64 { // the runtime's value for 'off'
		s.MemoryLimit = Unknown
	}
	s.NumGC = r.value(cycles)
	s.NumForcedGC = r.value(forcedCycles)

	s.Goroutines = r.value(goroutines)
	s.Running = r.value(running)
	s.Runnable = r.value(runnable)
	s.Waiting = r.value(waiting)
	s.NotInGo = r.value(notInGo)
	s.Created = r.value(created)
	s.Threads = r.value(threads)
}

func (r *Reader) value(i slot) int64 {
	at := r.at[i]
	if at == Unknown {
		return Unknown
	}
	v := r.samples[at].Value.Uint64()
	if v > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(v)
}

// sum adds two quantities. The result is Unknown if either is.
func sum(a, b int64) int64 {
	if a == Unknown || b == Unknown {
		return Unknown
	}
	return a + b
}
