package gate

import (
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

func TestGateDecides(t *testing.T) {
	limits := limits{goroutines: 500, heapShare: 0.7, payload: 8 << 20}
	calm := processState{known: true, liveHeap: 50 << 20, limit: 2 << 30}
	noLimit := processState{known: true, liveHeap: 50 << 30}
	for _, tt := range []struct {
		name       string
		state      processState
		goroutines int64
		duration   time.Duration
		want       Reason
	}{
		{"calm", calm, 100, time.Second, Allowed},
		{"nothing known", processState{}, 1, 0, Unknown},
		{"incident", processState{known: true, liveHeap: 1, limit: 2 << 30, incident: true}, 1, 0, Incident},
		{"incident and crowd", processState{known: true, limit: 2 << 30, incident: true}, 1e6, time.Hour, Incident},
		{"at the crowd", calm, 500, 2 * time.Second, Allowed},
		{"over the crowd", calm, 501, 0, Goroutines},
		{"at the share", processState{known: true, liveHeap: 70 << 20, limit: 100 << 20}, 10, time.Second, Allowed},
		{"over the share", processState{known: true, liveHeap: 70<<20 + 1, limit: 100 << 20}, 10, time.Second, Heap},
		{"over the limit", processState{known: true, liveHeap: 3 << 30, limit: 2 << 30}, 1, 0, Heap},
		{"no limit", noLimit, 100, time.Second, Allowed},
		{"no limit, negative", processState{known: true, liveHeap: 50 << 30, limit: profile.Unknown}, 100, time.Second, Allowed},
		{"fits", calm, 123, 10 * time.Second, Allowed},
		{"does not fit", calm, 124, 10 * time.Second, Payload},
		{"longer than the recorder's 30 s", calm, 41, 10 * time.Hour, Allowed},
		{"more than that holds", calm, 42, 30 * time.Second, Payload},
		{"a quarter of the headroom", processState{known: true, liveHeap: 32 << 20, limit: 64 << 20}, 20, 10 * time.Second, Allowed},
		{"more than a quarter", processState{known: true, liveHeap: 32 << 20, limit: 64 << 20}, 21, 10 * time.Second, Payload},
		{"clock set back", calm, 100, -time.Hour, Allowed},
	} {
		got := limits.decide(input{processState: tt.state, goroutines: tt.goroutines, duration: tt.duration})
		if got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestPredictPayload(t *testing.T) {
	for _, tt := range []struct {
		goroutines int64
		d          time.Duration
		want       int64
	}{
		{1000, 10 * time.Second, 67_670_000}, // measured: 67.5 MB
		{1000, time.Second, 6_767_000},       // measured: 6.45 MB
		{0, time.Second, 0},
		{1, time.Hour, 203_010},
		{math.MaxInt64, time.Hour, math.MaxInt64},
	} {
		if got := predictPayload(tt.goroutines, tt.d); got != tt.want {
			t.Errorf("%d goroutines, %v: %d bytes, want %d", tt.goroutines, tt.d, got, tt.want)
		}
	}
}

func TestDurations(t *testing.T) {
	d := newDurations(10 * time.Second)
	want := func(name string, want time.Duration) {
		t.Helper()
		if got := d.expect(name); got != want {
			t.Errorf("%s is expected to take %v, want %v", name, got, want)
		}
	}
	want("GET /", 10*time.Second)
	d.learn("GET /", 160*time.Millisecond)
	want("GET /", 160*time.Millisecond)
	d.learn("GET /", 0)
	want("GET /", 150*time.Millisecond) // a sixteenth lower
	d.learn("GET /", 2*time.Second)
	want("GET /", 2*time.Second) // a longer one counts at once
	d.learn("GET /", -time.Second)
	want("GET /", 2*time.Second)

	// What is used survives any number of names that are not.
	for i := range 100 * generation {
		d.learn(fmt.Sprint("GET /user/", i), time.Second)
		d.learn("GET /", 2*time.Second)
	}
	want("GET /", 2*time.Second)
	want("GET /user/1", 10*time.Second)
	if n := len(d.newer) + len(d.older); n > 2*generation {
		t.Errorf("%d names are kept, want at most %d", n, 2*generation)
	}
}

func TestGateConfigFaults(t *testing.T) {
	_, err := New(Config{MaxGoroutines: -1, MaxHeapShare: 1.5, MaxPayload: -1, UnknownDuration: -1})
	if err == nil {
		t.Fatal("a configuration full of faults was accepted")
	}
	for _, field := range []string{"MaxGoroutines", "MaxHeapShare", "MaxPayload", "UnknownDuration"} {
		if !strings.Contains(err.Error(), "GateConfig."+field) {
			t.Errorf("the error does not name %s: %v", field, err)
		}
	}
	if _, err := New(Config{}); err != nil {
		t.Errorf("the zero configuration: %v", err)
	}
}

func TestGateSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(defaultSettle - time.Nanosecond)
		if why := g.decide(0); why != Settling {
			t.Errorf("before it has settled: %v", why)
		}
		time.Sleep(time.Nanosecond)
		if why := g.decide(0); why != Allowed {
			t.Errorf("after that: %v", why)
		}
	})
}

func TestSnapshotState(t *testing.T) {
	now := time.Now()
	reading := incident.NewReading(now)
	reading.HeapLive = 100
	for _, tt := range []struct {
		name     string
		snapshot guard.Snapshot
		want     processState
	}{
		{"a closed or nil guard", guard.Snapshot{}, processState{}},
		{"not read", guard.Snapshot{Reading: incident.NewReading(now)}, processState{}},
		{"kill limit", guard.Snapshot{Reading: reading, Limits: guard.Limits{Kill: 1000, GOMEMLIMIT: 2000}}, processState{known: true, liveHeap: 100, limit: 1000}},
		{"GOMEMLIMIT", guard.Snapshot{Reading: reading, Limits: guard.Limits{Kill: 1000, GOMEMLIMIT: 500}}, processState{known: true, liveHeap: 100, limit: 500}},
		{"GOMEMLIMIT alone", guard.Snapshot{Reading: reading, Limits: guard.Limits{Kill: profile.Unknown, GOMEMLIMIT: 500}}, processState{known: true, liveHeap: 100, limit: 500}},
		{"no limit", guard.Snapshot{Reading: reading, Limits: guard.Limits{Kill: profile.Unknown, GOMEMLIMIT: profile.Unknown}}, processState{known: true, liveHeap: 100, limit: profile.Unknown}},
		{"incident", guard.Snapshot{Reading: reading, Incidents: []guard.Incident{{}}}, processState{known: true, liveHeap: 100, incident: true}},
	} {
		if got := snapshotState(tt.snapshot, now); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
	if got := snapshotState(guard.Snapshot{Reading: reading}, now.Add(readingStale+1)); got.known {
		t.Errorf("of a reading from %v ago: %+v", readingStale, got)
	}
}

func TestStateCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked, delay atomic.Int64 // delay in ns; negative: panic
		c := newStateCache(func() processState {
			n, d := asked.Add(1), time.Duration(delay.Load())
			if d < 0 {
				panic("no state")
			}
			time.Sleep(d)
			return processState{known: true, liveHeap: n}
		})
		want := func(what string, heap, asks int64, waits time.Duration) {
			t.Helper()
			start := time.Now()
			got := c.get()
			if got.liveHeap != heap || got.known != (heap > 0) {
				t.Errorf("%s: %+v, want a heap of %d", what, got, heap)
			}
			if n := asked.Load(); n != asks {
				t.Errorf("%s: asked %d times, want %d", what, n, asks)
			}
			if waited := time.Since(start); waited != waits {
				t.Errorf("%s: waited %v, want %v", what, waited, waits)
			}
		}
		want("first", 1, 1, 0)
		want("at once again", 1, 1, 0)
		time.Sleep(stateFresh)
		want("a second later", 2, 2, 0)
		delay.Store(int64(time.Minute)) // the guard is held up
		time.Sleep(stateFresh)
		want("held up", 2, 3, stateWait)
		want("held up, again", 2, 3, stateWait) // nobody asks twice
		time.Sleep(stateStale)
		want("stale", 0, 3, stateWait)
		time.Sleep(time.Minute)
		delay.Store(-1)
		time.Sleep(stateFresh)
		want("panic", 0, 4, 0)
		delay.Store(0)
		time.Sleep(stateFresh)
		want("after it", 5, 5, 0)
	})
}
