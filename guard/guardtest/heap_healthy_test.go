package guardtest_test

import (
	"bytes"
	"container/list"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard/guardtest"
)

// healthy are functions that keep something but do not leak. Each call of make
// returns one that has kept nothing yet.
var healthy = []struct {
	name string
	make func(testing.TB) func()
}{
	{"sync.Pool of buffers", func(testing.TB) func() {
		pool := sync.Pool{New: func() any { return new(bytes.Buffer) }}
		return func() {
			b := pool.Get().(*bytes.Buffer)
			b.Reset()
			b.Write(make([]byte, 4096))
			pool.Put(b)
		}
	}},
	{"LRU cache of 10,000 entries that fills", func(testing.TB) func() {
		c := newLRU(10_000)
		key := 0
		return func() { key++; c.put(key, make([]byte, 100)) }
	}},
	{"map with churn", func(testing.TB) func() {
		m := make(map[int]*[64]byte)
		i := 0
		return func() {
			m[i] = new([64]byte)
			delete(m, i-1000)
			i++
		}
	}},
	{"lazy initialisation, some of it late", func(testing.TB) func() {
		var first, later sync.Once
		var keep [2][]byte
		i := 0
		return func() {
			first.Do(func() { keep[0] = make([]byte, 1<<20) })
			if i++; i > 100 {
				later.Do(func() { keep[1] = make([]byte, 1<<20) })
			}
		}
	}},
	{"buffer that grows to its maximum", func(testing.TB) func() {
		var b bytes.Buffer
		return func() {
			if b.Len() > 1<<20 {
				b.Reset()
			}
			b.WriteString("a line of a log that is flushed when it is long\n")
		}
	}},
	{"strings built and dropped", func(testing.TB) func() {
		return func() {
			var b strings.Builder
			for i := range 20 {
				fmt.Fprintf(&b, "%d,", i)
			}
			sinkString = b.String()
		}
	}},
	{"goroutines started and ended", func(testing.TB) func() {
		return func() {
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() { sinkBytes(make([]byte, 512)) })
			}
			wg.Wait()
		}
	}},
	{"JSON of a struct, there and back", func(testing.TB) func() {
		type item struct {
			Name string
			Tags map[string]int
			Next *item
		}
		in := item{"a", map[string]int{"b": 1}, &item{Name: "c"}}
		return func() {
			b, err := json.Marshal(in)
			var out item
			if err == nil {
				err = json.Unmarshal(b, &out)
			}
			if err != nil {
				panic(err)
			}
		}
	}},
	{"cache of 100 regular expressions", func(testing.TB) func() {
		var cache sync.Map
		i := 0
		return func() {
			key := fmt.Sprintf("^a{%d}b+$", i%100)
			i++
			re, ok := cache.Load(key)
			if !ok {
				re, _ = cache.LoadOrStore(key, regexp.MustCompile(key))
			}
			re.(*regexp.Regexp).MatchString("aaab")
		}
	}},
	{"ring of the last 4,096 values", func(testing.TB) func() {
		var ring [4096]*[32]byte
		i := 0
		return func() { ring[i%len(ring)] = new([32]byte); i++ }
	}},
	{"timers and tickers, stopped or dropped", func(testing.TB) func() {
		return func() {
			time.NewTimer(time.Hour).Stop()
			time.AfterFunc(time.Hour, func() {}).Stop()
			_ = time.NewTicker(time.Hour)
			_ = time.After(time.Hour)
		}
	}},
	{"HTTP round trip with keep-alive", func(t testing.TB) func() {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }))
		t.Cleanup(server.Close)
		client := server.Client()
		return func() {
			r, err := client.Get(server.URL)
			if err != nil {
				panic(err)
			}
			io.Copy(io.Discard, r.Body)
			r.Body.Close()
		}
	}},
	{"goroutine that allocates in the background", func(t testing.TB) func() {
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			var recent [64][]byte
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(200 * time.Microsecond):
					recent[i%len(recent)] = make([]byte, 16<<(i%5))
				}
			}
		})
		t.Cleanup(func() { close(stop); wg.Wait() })
		return func() { sinkBytes(make([]byte, 64)) }
	}},
}

var sinkString string

//go:noinline
func sinkBytes([]byte) {}

// lru is a common kind of cache.
type lru struct {
	size    int
	entries map[int]*list.Element
	order   *list.List
}

func newLRU(size int) *lru {
	return &lru{size: size, entries: make(map[int]*list.Element), order: list.New()}
}

type lruEntry struct {
	key   int
	value []byte
}

func (c *lru) put(key int, value []byte) {
	c.entries[key] = c.order.PushFront(lruEntry{key, value})
	if c.order.Len() > c.size {
		last := c.order.Back()
		delete(c.entries, last.Value.(lruEntry).key)
		c.order.Remove(last)
	}
}

// TestHealthyFunctions runs each healthy function once, or 200 times with
// GUARDTEST_EVALUATE=1. It prints how often each was taken for a leak and how long
// that took.
func TestHealthyFunctions(t *testing.T) {
	runs := 1
	if os.Getenv("GUARDTEST_EVALUATE") == "1" {
		runs = 200
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%-44s %5s %7s %12s %12s %12s\n", "function", "runs", "alarms", "median time", "worst time", "iterations")
	for _, h := range healthy {
		t.Run(h.name, func(t *testing.T) {
			var alarms []string
			var times []time.Duration
			var iterations []int
			for range runs {
				r := &recorder{name: t.Name()}
				// As a subtest, so that what make has started ends here.
				t.Run("", func(t *testing.T) {
					fn, n := h.make(t), 0
					start := time.Now()
					// The budget allows for the slowest of machines.
					guardtest.NoHeapGrowth(r, func() { n++; fn() }, guardtest.Budget(time.Minute))
					times = append(times, time.Since(start))
					iterations = append(iterations, n)
				})
				if text := r.end(); text != "" {
					alarms = append(alarms, text)
				}
			}
			slices.Sort(times)
			slices.Sort(iterations)
			fmt.Fprintf(&table, "%-44s %5d %7d %12v %12v %12d\n", h.name, runs, len(alarms),
				times[runs/2].Round(time.Millisecond), times[runs-1].Round(time.Millisecond), iterations[runs/2])
			if len(alarms)*100 >= max(runs, 100) {
				t.Errorf("%d alarms in %d runs, such as:\n%s", len(alarms), runs, alarms[0])
			}
		})
	}
	t.Logf("\n%s", table.String())
}

// recorder is a test whose failure is a result.
type recorder struct {
	name     string
	errors   []string
	cleanups []func()
}

func (r *recorder) Helper()          {}
func (r *recorder) Name() string     { return r.name }
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

// end runs the cleanups as testing does and returns what was reported.
func (r *recorder) end() string {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
	r.cleanups = nil
	return strings.Join(r.errors, "\n")
}
