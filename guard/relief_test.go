package guard

import (
	"math"
	"runtime/debug"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

func memoryLimit() int64 { return debug.SetMemoryLimit(-1) }

func TestReliefIsRestored(t *testing.T) {
	before := memoryLimit()
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	g, _ := underPressure(t, Config{Relief: Relief{MemoryLimit: 0.9, FreeMemory: true}})
	waitFor(t, "a lower memory limit", func() bool { return memoryLimit() < before })
	if got := g.Snapshot().Limits.GOMEMLIMIT; got == memoryLimit() {
		t.Errorf("the rules' lines move with relief, to %v", profile.Bytes(got))
	}
	resize(g, wide)
	waitFor(t, "the memory limit of before", func() bool { return memoryLimit() == before })
	if ownMemoryLimit(5) != 5 {
		t.Error("it is still taken for relieved")
	}

	resize(g, tight)
	waitFor(t, "a lower memory limit", func() bool { return memoryLimit() < before })
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if got := memoryLimit(); got != before {
		t.Errorf("after Close the memory limit is %d, want %d", got, before)
	}
}

func TestReliefIsOffByDefault(t *testing.T) {
	before := memoryLimit()
	g, _ := underPressure(t, Config{})
	waitFor(t, "a reading", func() bool { return g.Snapshot().Counters.Readings > 2 })
	if got := memoryLimit(); got != before {
		t.Errorf("the memory limit is %d, want %d", got, before)
	}
}

// One guard relieves; what another has set itself stays.
func TestReliefOfTwoGuards(t *testing.T) {
	before := memoryLimit()
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	cfg := Config{Relief: Relief{MemoryLimit: 0.9}}
	first, _ := underPressure(t, cfg)
	waitFor(t, "a lower memory limit", func() bool { return memoryLimit() < before })
	relieved := memoryLimit()
	_, book := underPressure(t, cfg)
	waitFor(t, "the loser's word", func() bool { return len(book.loud("another guard of this process is giving it")) == 1 })
	if got := memoryLimit(); got != relieved {
		t.Errorf("the memory limit is %d, want %d", got, relieved)
	}

	const others = 77 << 40
	debug.SetMemoryLimit(others)
	resize(first, wide)
	waitFor(t, "the end of relief", func() bool { return relievedFrom.Load() == 0 })
	if got := memoryLimit(); got != others {
		t.Errorf("the memory limit is %d, want what others have set", got)
	}
}

func TestReliefLimit(t *testing.T) {
	r := incident.NewReading(time.Time{})
	r.Unreclaimable, r.Sys, r.HeapReleased = 900*mib, 850*mib, 50*mib // 100 MiB are not Go's
	r.HeapLive, r.HeapInuse, r.HeapIdle = 300*mib, 700*mib, 50*mib
	p := &Pressure{Limit: 1000 * mib, Reading: r}
	for _, test := range []struct {
		share float64
		want  int64
	}{
		{1, 900 * mib},
		{0.9, 800 * mib},
		{0.1, 440 * mib}, // 300 that live, 100 of the runtime, and a tenth
	} {
		if got := reliefLimit(test.share, p); math.Abs(float64(got-test.want)) > 1 {
			t.Errorf("share %v: %v, want %v", test.share, profile.Bytes(got), profile.Bytes(test.want))
		}
	}
	p.Reading.Sys = profile.Unknown
	if got := reliefLimit(0.9, p); got != profile.Unknown {
		t.Errorf("of what is not known: %v", got)
	}
}
