package guardtest

import (
	"runtime"
	"sync"
)

// fullRate keeps the rate of the memory profile at 1 as long as somebody needs it.
// The rate may change at any time: the runtime reads the variable at each
// allocation and records the allocation at the rate of that moment.
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
