package census

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/leakguard/leakguard/internal/frames"
)

// wait takes censuses until the number of goroutines at a function, with a wait
// reason, is as wanted.
func wait(t *testing.T, r *Reader, function, reason string, want int64) Group {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		groups, err := r.Take()
		if err != nil {
			t.Fatal(err)
		}
		var found []Group
		for _, g := range groups {
			if strings.HasSuffix(g.Function, function) && g.Wait == reason {
				found = append(found, g)
			}
		}
		if len(found) == 1 && found[0].Count == want {
			return found[0]
		}
		if time.Now().After(deadline) {
			t.Fatalf("want %d goroutines that wait for %s in %s, got %+v", want, reason, function, found)
		}
	}
}

func recurse(depth int, ch chan int) {
	if depth > 0 {
		recurse(depth-1, ch)
		return
	}
	<-ch
}

func TestTakeGroupsByWhereTheyWait(t *testing.T) {
	r := NewReader("")
	ch := make(chan int)
	defer close(ch)
	// Twenty call paths to one line form one site.
	for i := range 60 {
		go recurse(i%20, ch)
	}
	g := wait(t, r, "census.recurse", frames.ChanReceive, 60)
	if !g.Forever || g.Line == 0 || !strings.HasSuffix(g.File, "reader_test.go") || !strings.HasSuffix(g.Root, "census.TestTakeGroupsByWhereTheyWait.gowrap1") && !strings.HasSuffix(g.Root, "census.recurse") {
		t.Errorf("%+v", g)
	}
}

func TestRootOfADeepStackIsUnknown(t *testing.T) {
	r := NewReader("")
	ch := make(chan int)
	go recurse(100, ch)
	if g := wait(t, r, "census.recurse", frames.ChanReceive, 1); g.Root != "" {
		t.Errorf("root of 100 frames: %q", g.Root)
	}
	close(ch)
	wait(t, r, "census.(*Reader).record", frames.Running, 1)
}

func TestTakeForgets(t *testing.T) {
	r := NewReader("")
	ch := make(chan int)
	for range keptRecords + 1 {
		go recurse(0, ch)
	}
	wait(t, r, "census.recurse", frames.ChanReceive, keptRecords+1)
	if r.records != nil {
		t.Errorf("keeps a buffer for %d goroutines", len(r.records))
	}
	close(ch)
	for runtime.NumGoroutine() > 100 {
		time.Sleep(time.Millisecond)
	}
	wait(t, r, "census.(*Reader).record", frames.Running, 1)
	if len(r.records) == 0 || len(r.records) > keptRecords {
		t.Errorf("keeps a buffer for %d goroutines", len(r.records))
	}
	for i := range maxStacks {
		r.stacks[uint64(i)] = &stack{}
	}
	wait(t, r, "census.(*Reader).record", frames.Running, 1)
	if len(r.stacks) == 0 || len(r.stacks) > 100 {
		t.Errorf("remembers %d stacks", len(r.stacks))
	}
	r.round++
	for i := range maxStacks + 1 {
		r.stacks[uint64(i)] = &stack{round: r.round}
	}
	r.forget()
	if len(r.stacks) != 0 {
		t.Errorf("remembers %d stacks", len(r.stacks))
	}
}

func TestPredict(t *testing.T) {
	const n = 20_000
	ch := make(chan int)
	var ready sync.WaitGroup
	for i := range n {
		ready.Add(1)
		go func() { ready.Done(); recurse(i%10, ch) }()
	}
	ready.Wait()
	defer close(ch)
	r := NewReader("")
	wait(t, r, "census.recurse", frames.ChanReceive, n)
	var before, after runtime.MemStats
	predicted := r.Predict(n)
	runtime.ReadMemStats(&before)
	if _, err := r.Take(); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := int64(after.TotalAlloc - before.TotalAlloc); got > predicted || got < predicted/2 {
		t.Errorf("a census of %d goroutines allocated %d bytes, predicted %d", n, got, predicted)
	}
}

func TestSteadyCensusAllocatesNothingOfItsOwn(t *testing.T) {
	r := NewReader("")
	wait(t, r, "census.(*Reader).record", frames.Running, 1)
	n := float64(runtime.NumGoroutine())
	// The runtime allocates a slice, and a stack per goroutine.
	if got := testing.AllocsPerRun(20, func() {
		if _, err := r.Take(); err != nil {
			t.Error(err)
		}
	}); got > n+20 {
		t.Errorf("a census of %.0f goroutines makes %.0f allocations", n, got)
	}
	if r.Cost() <= 0 {
		t.Errorf("cost %v", r.Cost())
	}
}

func TestASiteIsSmall(t *testing.T) {
	bytes := unsafe.Sizeof(site{}) + unsafe.Sizeof(leak{}) + levels*unsafe.Sizeof([slots]window{})
	t.Logf("a site takes at most %d bytes", bytes)
	if total := maxSites * bytes; total > 5<<18 {
		t.Errorf("%d sites take %d bytes", maxSites, total)
	}
}
