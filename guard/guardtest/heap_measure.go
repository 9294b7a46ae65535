package guardtest

import (
	"runtime"
	"time"

	"github.com/leakguard/leakguard/internal/goruntime"
)

// heapState is the live heap at one moment.
type heapState struct {
	bytes, objects int64
	goroutines     int64
	stacks         int64 // bytes
}

func (s heapState) minus(base heapState) heapState {
	return heapState{
		bytes: s.bytes - base.bytes, objects: s.objects - base.objects,
		goroutines: s.goroutines - base.goroutines, stacks: s.stacks - base.stacks,
	}
}

const (
	mostCycles     = 8
	goroutinesEnd  = 20 * time.Millisecond
	finalizersWait = 50 * time.Millisecond
)

// heapMeter measures the live heap.
//
// The source is runtime/metrics. After runtime.GC, which sweeps before it returns,
// /memory/classes/heap/objects:bytes and /gc/heap/objects:objects are exactly what
// survived, without anything allocated since: the cycle flushes the processors' own
// caches, which count only when they are full again. /gc/heap/live:bytes was
// rejected because it includes what was allocated during marking and has no number
// of objects. runtime.ReadMemStats was rejected because it stops the world and
// flushes the caches, so that it counts what other goroutines have just allocated.
type heapMeter struct {
	reader *goruntime.Reader
	// goroutines is the number found by the last measurement.
	goroutines int
}

func newHeapMeter() *heapMeter {
	return &heapMeter{reader: goruntime.NewReader(), goroutines: runtime.NumGoroutine()}
}

// settle collects garbage until no more is freed, and returns what is left. That
// takes at least two cycles: a sync.Pool releases its objects only in the second,
// and an object with a finalizer or cleanup is freed in the cycle after the one
// that ran it.
func (m *heapMeter) settle() heapState {
	m.awaitGoroutines()
	before := m.collect()
	for range mostCycles {
		now := m.collect()
		if now.objects >= before.objects && now.bytes >= before.bytes {
			return now
		}
		before = now
	}
	return before
}

// awaitGoroutines gives goroutines that the code has started, and that are about to
// end, a moment to do so. It waits only once for those that stay, such as a
// connection's.
func (m *heapMeter) awaitGoroutines() {
	deadline := time.Now().Add(goroutinesEnd)
	for wait := 10 * time.Microsecond; ; wait *= 2 {
		n := runtime.NumGoroutine()
		if n <= m.goroutines || !time.Now().Before(deadline) {
			m.goroutines = n
			return
		}
		time.Sleep(min(wait, time.Millisecond))
	}
}

func (m *heapMeter) collect() heapState {
	done := make(chan struct{})
	s := &sentinel{}
	runtime.SetFinalizer(s, func(*sentinel) { close(done) })
	s = nil
	runtime.GC()
	timeout := time.NewTimer(finalizersWait)
	select {
	case <-done:
	case <-timeout.C:
	}
	timeout.Stop()
	var stat goruntime.Stat
	m.reader.Read(&stat)
	return heapState{bytes: stat.HeapAlloc, objects: stat.HeapObjects, goroutines: stat.Goroutines, stacks: stat.StackInuse}
}

// sentinel contains a pointer, so that the allocator gives it a slot of its own.
type sentinel struct{ _ *sentinel }
