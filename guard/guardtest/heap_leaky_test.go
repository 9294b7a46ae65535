package guardtest_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard/guardtest"
)

// keeper holds what leaks, so that it is freed with the test.
type keeper struct {
	list   *node
	nodes  []*node
	seen   map[int]int
	log    bytes.Buffer
	timers []*time.Timer
	chunks [][]byte
	block  chan struct{}
	n      int
}

// node has 16 bytes. Half of it is a pointer, so that the allocator does not pack
// several into one object.
type node struct {
	next *node
	_    [16 - ptrSize]byte
}

const ptrSize = 4 << (^uintptr(0) >> 63)

//go:noinline
func (k *keeper) link() { k.list = &node{next: k.list} }

//go:noinline
func (k *keeper) sometimes(every int) {
	if k.n++; k.n%every == 0 {
		k.link()
	}
}

//go:noinline
func (k *keeper) insert() { k.seen[len(k.seen)] = 1 }

//go:noinline
func (k *keeper) collect() { k.nodes = append(k.nodes, nil) }

//go:noinline
func (k *keeper) write() { k.log.WriteString("a line of a log that nobody flushes\n") }

//go:noinline
func (k *keeper) start() { go k.wait() }

func (k *keeper) wait() { <-k.block }

//go:noinline
func (k *keeper) arm() { k.timers = append(k.timers, time.NewTimer(time.Hour)) }

//go:noinline
func (k *keeper) later() { k.timers = append(k.timers, time.AfterFunc(time.Hour, k.link)) }

//go:noinline
func (k *keeper) load() { k.chunks = append(k.chunks, make([]byte, 4<<20)) }

// garbage allocates something unrelated to the leak.
func garbage() { sinkBytes(bytes.Repeat([]byte("x"), 300)) }

// leaky are functions that leak. The failure must begin with the place and the
// amount in want.
var leaky = []struct {
	name string
	fn   func(*keeper)
	want string // a regular expression
}{
	{"16 bytes in each iteration", (*keeper).link,
		`^guardtest: heap grows by 1[5-8] B and (1|1\.\d) objects? per iteration: guardtest_test\.\(\*keeper\)\.link \(heap_leaky_test\.go:\d+\)\n`},
	{"16 bytes amid garbage", func(k *keeper) { garbage(); k.link() },
		`^guardtest: heap grows by 1[5-8] B and (1|1\.\d) objects? per iteration: guardtest_test\.\(\*keeper\)\.link `},
	{"16 bytes in every tenth iteration", func(k *keeper) { k.sometimes(10) },
		`^guardtest: heap grows by (1\.[4-9]|2) B and 0\.1\d? objects per iteration: guardtest_test\.\(\*keeper\)\.link `},
	{"map that grows", (*keeper).insert,
		`^guardtest: heap grows by \d+ B per iteration: guardtest_test\.\(\*keeper\)\.insert `},
	{"slice that grows", (*keeper).collect,
		`^guardtest: heap grows by [0-9.]+ B per iteration: guardtest_test\.\(\*keeper\)\.collect `},
	{"buffer of the standard library that grows", (*keeper).write,
		`^guardtest: heap grows by \d+ B per iteration: guardtest_test\.\(\*keeper\)\.write `},
	{"goroutine that waits for ever", (*keeper).start,
		`^guardtest: heap grows by [0-9.]+ KiB with 1 goroutine per iteration: guardtest_test\.\(\*keeper\)\.wait \(heap_leaky_test\.go:\d+\), where goroutines wait \(chan receive\)\n`},
	{"timers that are kept", (*keeper).arm,
		`^guardtest: heap grows by \d+ B and [23] objects per iteration: guardtest_test\.\(\*keeper\)\.arm `},
	{"functions that wait for their time", (*keeper).later,
		`^guardtest: heap grows by \d+ B and 2 objects per iteration: guardtest_test\.\(\*keeper\)\.later `},
	{"4 MiB in each iteration", (*keeper).load,
		`^guardtest: heap grows by 4\.[0-9] MiB and [0-9.]+ objects? per iteration: guardtest_test\.\(\*keeper\)\.load `},
}

func TestLeakyFunctions(t *testing.T) {
	for _, l := range leaky {
		t.Run(l.name, func(t *testing.T) {
			k := &keeper{seen: make(map[int]int), block: make(chan struct{})}
			defer close(k.block)
			r := &recorder{name: t.Name()}
			start := time.Now()
			// Fewer than the default, because the race detector slows everything down.
			guardtest.NoHeapGrowth(r, func() { l.fn(k) }, guardtest.Iterations(1<<12))
			text := r.end()
			if !regexp.MustCompile(l.want).MatchString(text) {
				t.Errorf("got:\n%s\nwant a match of %s", text, l.want)
			}
			if lines := strings.Count(text, "\n"); lines > 60 {
				t.Errorf("%d lines", lines)
			}
			t.Logf("%v\n%s", time.Since(start).Round(time.Millisecond), text)
		})
	}
}
