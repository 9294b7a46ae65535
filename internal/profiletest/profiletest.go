package profiletest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/internal/frames"
)

// StackOf makes a profile of a kind from stacks. A key is 'function function
// ...', leaf first, where 'function:12' is at line 12; ' # key=value' at the
// end adds a label. Values are bytes in use, goroutines or nanoseconds. Objects
// on the heap have 1 KiB.
func StackOf(kind string, values map[string]int64) *pprofile.Profile {
	p := &pprofile.Profile{TimeNanos: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC).UnixNano(), PeriodType: &pprofile.ValueType{}}
	switch kind {
	case "heap":
		p.SampleType = []*pprofile.ValueType{{Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"}}
		p.Period = 512 << 10
	case "cpu":
		p.SampleType = []*pprofile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}}
		p.Period, p.DurationNanos = 1e7, 10e9
	default:
		p.SampleType = []*pprofile.ValueType{{Type: kind, Unit: "count"}}
		p.Period = 1
	}
	functions := make(map[string]*pprofile.Function)
	places := make(map[string]*pprofile.Location)
	for _, stack := range slices.Sorted(maps.Keys(values)) {
		value := values[stack]
		s := &pprofile.Sample{Value: []int64{value}}
		if kind == "heap" || kind == "cpu" {
			s.Value = []int64{value >> 10, value}
		}
		stack, label, _ := strings.Cut(stack, " # ")
		if key, v, ok := strings.Cut(label, "="); ok {
			s.Label = map[string][]string{key: {v}}
		}
		for _, place := range strings.Fields(stack) {
			l := places[place]
			if l == nil {
				name, number, _ := strings.Cut(place, ":")
				line, _ := strconv.Atoi(number)
				f := functions[name]
				if f == nil {
					file := "/src/" + frames.PackageOf(name) + "/x.go"
					if strings.HasPrefix(name, "github.com/dep/") {
						file = "/go/pkg/mod/github.com/dep/lib@v1.0.0/x.go"
					}
					f = &pprofile.Function{ID: uint64(len(functions) + 1), Name: name, Filename: file}
					functions[name] = f
					p.Function = append(p.Function, f)
				}
				l = &pprofile.Location{ID: uint64(len(places) + 1), Line: []pprofile.Line{{Function: f, Line: int64(line)}}}
				places[place] = l
				p.Location = append(p.Location, l)
			}
			s.Location = append(s.Location, l)
		}
		p.Sample = append(p.Sample, s)
	}
	return p
}

// HeapOf makes a heap profile like those of the runtime, with that many
// distinct stacks of about 20 frames, each with a label for the size of its
// objects. grown scales the memory in use. Equal arguments give equal profiles.
func HeapOf(stacks int, seed uint64, grown int64) *pprofile.Profile {
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

// Encode returns a profile as gzipped protocol buffer.
func Encode(tb testing.TB, p *pprofile.Profile) []byte {
	tb.Helper()
	var buf bytes.Buffer
	if err := p.Write(&buf); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// Runtime returns the profile of that name as runtime/pprof writes it.
func Runtime(t testing.TB, name string, debug int) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := pprof.Lookup(name).WriteTo(&buf, debug); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// Zip compresses data with gzip.
func Zip(t testing.TB, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	if _, err := zw.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// Unzip decompresses gzip data.
func Unzip(t testing.TB, data []byte) []byte {
	t.Helper()
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(zr)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
