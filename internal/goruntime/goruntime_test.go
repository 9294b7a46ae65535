package goruntime

import (
	"math"
	"reflect"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
)

// since126 are the metrics that Go 1.25 lacks.
var since126 = map[slot]bool{running: true, runnable: true, waiting: true, notInGo: true, created: true, threads: true}

func TestTableNamesMetricsOfThisToolchain(t *testing.T) {
	kinds := make(map[string]metrics.ValueKind)
	for _, d := range metrics.All() {
		kinds[d.Name] = d.Kind
	}
	old := strings.HasPrefix(runtime.Version(), "go1.25")
	seen := make(map[string]bool)
	for i, name := range table {
		if name == "" || seen[name] {
			t.Errorf("slot %d: no name, or one that another slot has: %q", i, name)
		}
		seen[name] = true
		if old && since126[slot(i)] {
			continue
		}
		if kinds[name] != metrics.KindUint64 {
			t.Errorf("%s: kind %v in this toolchain, want KindUint64", name, kinds[name])
		}
	}
}

func TestReadFillsEveryField(t *testing.T) {
	runtime.GC()
	var s Stat
	v := reflect.ValueOf(&s).Elem()
	for i := range v.NumField() {
		v.Field(i).SetInt(math.MinInt64)
	}
	NewReader().Read(&s)
	old := strings.HasPrefix(runtime.Version(), "go1.25")
	mayBeUnknown := map[string]bool{"Running": old, "Runnable": old, "Waiting": old, "NotInGo": old, "Created": old, "Threads": old, "MemoryLimit": true}
	for i := range v.NumField() {
		name, n := v.Type().Field(i).Name, v.Field(i).Int()
		if n < 0 && !(n == Unknown && mayBeUnknown[name]) {
			t.Errorf("%s is %d", name, n)
		}
	}
	if s.Goroutines < 2 || s.NumForcedGC < 1 || s.HeapLive <= 0 || s.Sys < s.HeapSys {
		t.Errorf("implausible: %+v", s)
	}
}

// A metric that a toolchain lacks makes only what depends on it unknown.
func TestMissingMetricIsUnknown(t *testing.T) {
	r := NewReader()
	r.at[heapReleased], r.at[threads] = Unknown, Unknown
	var s Stat
	r.Read(&s)
	for name, n := range map[string]int64{"HeapReleased": s.HeapReleased, "HeapIdle": s.HeapIdle, "HeapSys": s.HeapSys, "Threads": s.Threads} {
		if n != Unknown {
			t.Errorf("%s is %d, want Unknown", name, n)
		}
	}
	for name, n := range map[string]int64{"HeapInuse": s.HeapInuse, "HeapAlloc": s.HeapAlloc, "Sys": s.Sys} {
		if n <= 0 {
			t.Errorf("%s is %d, though its metrics are there", name, n)
		}
	}
}

func TestMemoryLimit(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	var s Stat
	r := NewReader()
	for _, limit := range []int64{1 << 40, math.MaxInt64} {
		debug.SetMemoryLimit(limit)
		want := limit
		if limit == math.MaxInt64 {
			want = Unknown // off
		}
		if r.Read(&s); s.MemoryLimit != want {
			t.Errorf("GOMEMLIMIT %d reads %d, want %d", limit, s.MemoryLimit, want)
		}
	}
}

// garbage is allocated so that no field is compared at 0.
var garbage [][]byte

func TestReadEqualsMemStats(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for range 1000 {
		garbage = append(garbage, make([]byte, 700), make([]byte, 3)) // 3: a tiny object
	}
	garbage = nil
	runtime.GC()
	r := NewReader()
	var s Stat
	var m runtime.MemStats
	// Between the two reads the background sweeper, the scavenger and other
	// goroutines of the test binary may change something. The values must agree when
	// nothing does.
	diffs := []string{"never compared"}
	for try := 0; len(diffs) > 0 && try < 200; try++ {
		runtime.ReadMemStats(&m)
		r.Read(&s)
		diffs = compare(&s, &m)
		runtime.Gosched()
	}
	for _, d := range diffs {
		t.Error(d)
	}
}

// compare compares each field with the one of the same name.
func compare(s *Stat, m *runtime.MemStats) (diffs []string) {
	got, want := reflect.ValueOf(s).Elem(), reflect.ValueOf(m).Elem()
	for i := range got.NumField() {
		name := got.Type().Field(i).Name
		field := want.FieldByName(name)
		if !field.IsValid() {
			continue // not a quantity of MemStats
		}
		if g, w := uint64(got.Field(i).Int()), field.Uint(); g != w {
			diffs = append(diffs, name+" differs from MemStats'")
		}
	}
	return diffs
}

func TestCompareSeesADifference(t *testing.T) {
	var s Stat
	if diffs := compare(&s, &runtime.MemStats{Mallocs: 1, GCSys: 2}); len(diffs) != 2 {
		t.Errorf("got %q", diffs)
	}
	n := 0
	for i := range reflect.TypeFor[Stat]().NumField() {
		if _, ok := reflect.TypeFor[runtime.MemStats]().FieldByName(reflect.TypeFor[Stat]().Field(i).Name); ok {
			n++
		}
	}
	if n != 22 {
		t.Errorf("%d fields bear MemStats' names, 22 did", n)
	}
}

func TestReadAllocatesNothing(t *testing.T) {
	r, s := NewReader(), new(Stat)
	if n := testing.AllocsPerRun(100, func() { r.Read(s) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
