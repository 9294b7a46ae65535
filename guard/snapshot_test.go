package guard_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile"
)

func TestSnapshotTellsLinesAndProcess(t *testing.T) {
	g, err := guard.Start(guard.Config{
		Dir: filepath.Join(t.TempDir(), "evidence"), Limit: 1 << 40, Service: "shop", Version: "1.8.2", Logger: slog.New(slog.DiscardHandler),
		Rules: []guard.Rule{
			{Name: "share", Signal: guard.LiveHeap, Line: guard.ShareOfLimit(0.5)},
			{Name: "absolute", Signal: guard.Goroutines, Line: guard.Absolute(1 << 30)},
			{Name: "time", Signal: guard.Memory, Line: guard.TimeToLimit(1)},
			{Name: "trend", Signal: guard.LiveHeap, Line: guard.Growing()},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	s := g.Snapshot()
	if p := s.Process; p.Service != "shop" || p.Version != "1.8.2" || p.PID != os.Getpid() || p.Started.IsZero() {
		t.Errorf("the process is %+v", p)
	}
	want := []int64{1 << 39, 1 << 30, profile.Unknown, profile.Unknown}
	for i, r := range s.Rules {
		// GOMEMLIMIT may be a smaller limit of the live heap.
		if r.Level != want[i] && !(i == 0 && s.Limits.GOMEMLIMIT > 0) {
			t.Errorf("the line of %s is at %d, want %d", r.Rule.Name, r.Level, want[i])
		}
	}
	for signal, want := range map[guard.Signal]profile.Unit{guard.Memory: profile.UnitBytes, guard.Goroutines: profile.UnitCount,
		guard.CPUFloor: profile.UnitMilliCPU, guard.WakeupFloor: profile.UnitPerSecond} {
		if got := signal.Unit(); got != want {
			t.Errorf("the unit of %s is %q, want %q", signal, got, want)
		}
	}
}
