package guard

import (
	"path/filepath"
	"testing"
	"time"
)

// calmGuard is a guard with the default rules, whose loop the test drives itself.
func calmGuard(tb testing.TB) *Guard {
	g := must(Start(Config{Dir: filepath.Join(tb.TempDir(), "evidence"), Interval: time.Minute, PollOnly: true, NoCensus: true, Limit: 1 << 40}))
	tb.Cleanup(func() { g.Close() })
	// Baselines are taken in the background, and count as allocations.
	for g.Snapshot().Counters.Baselines < 2 {
		time.Sleep(time.Millisecond)
	}
	g.inLoop(tb.Context(), func() {
		g.loop.baselines.next = time.Hour
		for range recentReadings + 10 { // until the lists have their size
			g.loop.look()
			g.loop.publish()
		}
	})
	return g
}

// BenchmarkLook is all that the loop does for a reading: with every rule judged, the
// black box written and the board renewed.
func BenchmarkLook(b *testing.B) {
	g := calmGuard(b)
	b.ReportAllocs()
	g.inLoop(b.Context(), func() {
		for b.Loop() {
			g.loop.look()
			g.loop.publish()
		}
	})
}

// BenchmarkPublish is what it takes of that to let readers see how the loop stands.
func BenchmarkPublish(b *testing.B) {
	g := calmGuard(b)
	b.ReportAllocs()
	g.inLoop(b.Context(), func() {
		for b.Loop() {
			g.loop.publish()
		}
	})
}

func BenchmarkSnapshot(b *testing.B) {
	g := calmGuard(b)
	b.ReportAllocs()
	for b.Loop() {
		g.Snapshot()
	}
}

func TestALookAllocatesNothing(t *testing.T) {
	g := calmGuard(t)
	var n float64
	g.inLoop(t.Context(), func() {
		n = testing.AllocsPerRun(1000, func() { g.loop.step(g.loop.look) })
	})
	if n != 0 {
		t.Errorf("%v allocations a look", n)
	}
}
