package budget

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/leakguard/leakguard/internal/profiletest"
	"github.com/leakguard/leakguard/internal/testenv"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
)

func compareFiles(tb testing.TB, base, now []byte) *diff.Comparison {
	tb.Helper()
	b, err := profile.Read(bytes.NewReader(base))
	if err != nil {
		tb.Fatal(err)
	}
	n, err := profile.Read(bytes.NewReader(now))
	if err != nil {
		tb.Fatal(err)
	}
	c, err := diff.Compare(b, n, diff.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// TestCompareAllocatesWithinItsBounds checks that reading and comparing two
// profiles of 50,000 stacks allocates at most 150 MiB, and at most what is
// predicted.
func TestCompareAllocatesWithinItsBounds(t *testing.T) {
	if testenv.RaceEnabled {
		t.Skip("the race detector allocates, too")
	}
	for _, stacks := range []int{100, 10_000, 50_000} {
		base, now := profiletest.Encode(t, profiletest.HeapOf(stacks, 1, 1)), profiletest.Encode(t, profiletest.HeapOf(stacks, 1, 2))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		compareFiles(t, base, now)
		runtime.ReadMemStats(&after)
		took, predicted := int64(after.TotalAlloc-before.TotalAlloc), PredictCompare(int64(len(base)), int64(len(now)))
		t.Logf("%d stacks: files of %v, %v allocated, %v predicted", stacks, profile.Bytes(len(base)+len(now)), profile.Bytes(took), profile.Bytes(predicted))
		if took > 150<<20 {
			t.Errorf("%d stacks: %v allocated, want at most 150 MiB", stacks, profile.Bytes(took))
		}
		if took > predicted {
			t.Errorf("%d stacks: %v allocated, more than the %v predicted", stacks, profile.Bytes(took), profile.Bytes(predicted))
		}
	}
	for _, name := range []string{"heap", "allocs", "goroutine"} {
		data := profiletest.Runtime(t, name, 0)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		compareFiles(t, data, data)
		runtime.ReadMemStats(&after)
		if took, predicted := int64(after.TotalAlloc-before.TotalAlloc), PredictCompare(int64(len(data)), int64(len(data))); took > predicted {
			t.Errorf("%s of this process: %v allocated, more than the %v predicted", name, profile.Bytes(took), profile.Bytes(predicted))
		}
	}
}
