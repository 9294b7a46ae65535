package compact

import "testing"

// The table finds a thread in a few looks, whatever its threads' ids have in common.
func TestThreadTableDoesNotDegrade(t *testing.T) {
	const threads = 6000
	for name, id := range map[string]func(n uint64) uint64{
		"dense":                  func(n uint64) uint64 { return n },
		"multiples of 16":        func(n uint64) uint64 { return n << 4 },
		"multiples of 2^20":      func(n uint64) uint64 { return n << 20 },
		"multiples of 2^32":      func(n uint64) uint64 { return n << 32 },
		"multiples of 2^44":      func(n uint64) uint64 { return n << 44 },
		"multiples of 2^51":      func(n uint64) uint64 { return n << 51 },
		"addresses of threads":   func(n uint64) uint64 { return 0x7f00_0000_0000 + n<<23 },
		"equal in their low end": func(n uint64) uint64 { return n<<40 | 0xdead_beef },
	} {
		table := newThreadTable(0)
		for n := range uint64(threads) {
			table.get(id(n)).last = 1
		}
		looks := 0
		for i, r := range table.runs {
			if r.last == 0 {
				continue
			}
			// From where its search begins to where it is, all places are taken.
			run := 0
			for k := i; table.runs[k].last != 0 && run < len(table.runs); k = (k + len(table.runs) - 1) % len(table.runs) {
				run++
			}
			looks += run
		}
		t.Logf("%-24s behind %d others on average", name, looks/threads)
		if mean := looks / threads; mean > 30 {
			t.Errorf("%s: a thread lies behind %d others on average, want a few", name, mean)
		}
	}
}
