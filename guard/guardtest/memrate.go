package guardtest

import (
	"runtime"
	"sync"
)

// fullRate keeps the rate of the memory profile at 1 while somebody needs it. The
// runtime looks at the variable at each allocation, so that it may change at any
// time: what is allocated from then on is recorded at the new rate.
var fullRate memProfileRate

type memProfileRate struct {
	mu      sync.Mutex
	holders int
	before  int
}

func (m *memProfileRate) acquire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holders++; m.holders == 1 {
		m.before = runtime.MemProfileRate
		runtime.MemProfileRate = 1
	}
}

func (m *memProfileRate) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holders--; m.holders == 0 {
		runtime.MemProfileRate = m.before
	}
}

// full reports whether every allocation is recorded.
func (m *memProfileRate) full() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return runtime.MemProfileRate == 1
}
