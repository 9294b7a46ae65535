package profile

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	pprofile "github.com/google/pprof/profile"
)

// heapOf makes a heap profile as the runtime writes it: stacks distinct stacks
// of about 20 frames, each with a label of the size of its objects. grown scales
// what is in use.
func heapOf(stacks int, seed uint64, grown int64) *pprofile.Profile {
	rng := rand.New(rand.NewPCG(seed, 1))
	p := &pprofile.Profile{
		SampleType: []*pprofile.ValueType{
			{Type: "alloc_objects", Unit: "count"}, {Type: "alloc_space", Unit: "bytes"},
			{Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"},
		},
		PeriodType: &pprofile.ValueType{Type: "space", Unit: "bytes"},
		Period:     512 << 10,
		TimeNanos:  time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC).UnixNano(),
		Mapping:    []*pprofile.Mapping{{ID: 1, Start: 0x400000, Limit: 0x800000, File: "/srv/shop", BuildID: "abc"}},
	}
	const packages, perPackage, lines = 60, 60, 4
	for i := range packages * perPackage {
		pkg := i / perPackage
		name, file := fmt.Sprintf("github.com/acme/shop/internal/area%d.(*Service).Handle%d", pkg, i), fmt.Sprintf("/src/shop/internal/area%d/file%d.go", pkg, i%7)
		switch pkg % 3 {
		case 1:
			name, file = fmt.Sprintf("github.com/dep%d/lib.Do%d", pkg, i), fmt.Sprintf("/go/pkg/mod/github.com/dep%d/lib@v1.0.0/f%d.go", pkg, i%7)
		case 2:
			name, file = fmt.Sprintf("net/http.(*conn).serve%d", i), "/usr/local/go/src/net/http/server.go"
		}
		fn := &pprofile.Function{ID: uint64(i + 1), Name: name, SystemName: name, Filename: file, StartLine: 10}
		p.Function = append(p.Function, fn)
		for range lines {
			id := uint64(len(p.Location) + 1)
			p.Location = append(p.Location, &pprofile.Location{ID: id, Mapping: p.Mapping[0], Address: 0x400000 + id*16,
				Line: []pprofile.Line{{Function: fn, Line: int64(id % 300)}}})
		}
	}
	for range stacks {
		depth := 15 + rng.IntN(11)
		s := &pprofile.Sample{Value: []int64{9, 9 << 10, 0, 0}, NumLabel: map[string][]int64{"bytes": {1024}}}
		for range depth {
			s.Location = append(s.Location, p.Location[rng.IntN(len(p.Location))])
		}
		n := 1 + rng.Int64N(50)*grown
		s.Value[2], s.Value[3] = n, n<<10
		p.Sample = append(p.Sample, s)
	}
	return p
}

func gz(tb testing.TB, p *pprofile.Profile) []byte {
	tb.Helper()
	var buf bytes.Buffer
	if err := p.Write(&buf); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

func compareFiles(tb testing.TB, base, now []byte) *Comparison {
	tb.Helper()
	b, err := Read(bytes.NewReader(base))
	if err != nil {
		tb.Fatal(err)
	}
	n, err := Read(bytes.NewReader(now))
	if err != nil {
		tb.Fatal(err)
	}
	c, err := Compare(b, n, CompareConfig{})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// BenchmarkCompareHeap reads and compares two heap profiles.
func BenchmarkCompareHeap(b *testing.B) {
	for _, stacks := range []int{1_000, 10_000, 50_000} {
		b.Run(fmt.Sprint(stacks), func(b *testing.B) {
			base, now := gz(b, heapOf(stacks, 1, 1)), gz(b, heapOf(stacks, 1, 2))
			peak := watchHeap(b)
			compareFiles(b, base, now)
			most := peak()
			b.ReportAllocs()
			for b.Loop() {
				compareFiles(b, base, now)
			}
			b.ReportMetric(float64(len(base)+len(now))/(1<<20), "gz-MiB")
			b.ReportMetric(float64(most)/(1<<20), "peak-MiB")
			b.ReportMetric(float64(PredictCompare(int64(len(base)), int64(len(now))))/(1<<20), "predicted-MiB")
		})
	}
}

// BenchmarkCompare compares two heap profiles of 50,000 stacks that have been read.
func BenchmarkCompare(b *testing.B) {
	base, now := heapOf(50_000, 1, 1), heapOf(50_000, 1, 2)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compare(base, now, CompareConfig{}); err != nil {
			b.Fatal(err)
		}
	}
}

// watchHeap measures by how much the heap grows at most until peak is called.
func watchHeap(tb testing.TB) (peak func() uint64) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	start := m.HeapAlloc
	var most atomic.Uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most.Store(max(most.Load(), m.HeapAlloc-min(start, m.HeapAlloc)))
		}
	}()
	return func() uint64 { close(stop); <-done; return most.Load() }
}
