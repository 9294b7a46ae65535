//go:build linux

package harness

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"
)

const mib = 1 << 20

// epoch is when the tests' leak starts: 100 MiB/s for one second.
var epoch = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

func leak100() Leak {
	var l Leak
	for ms := range 1001 {
		l.Stamps = append(l.Stamps, Stamp{At: epoch.Add(time.Duration(ms) * time.Millisecond), Leaked: int64(ms) * 100 * mib / 1000})
	}
	return l
}

// stack is a sample. Its functions are separated by spaces, leaf first.
type stack struct {
	functions string
	value     int64
}

// encode returns a profile of the given stacks, taken ms after epoch.
func encode(t *testing.T, typ string, ms int, stacks ...stack) []byte {
	t.Helper()
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "other", Unit: "count"}, {Type: typ, Unit: "bytes"}},
		TimeNanos:  epoch.Add(time.Duration(ms) * time.Millisecond).UnixNano(),
	}
	if typ == "goroutine" {
		p.SampleType = p.SampleType[1:]
	}
	for _, s := range stacks {
		sample := &profile.Sample{Value: []int64{-1, s.value}[2-len(p.SampleType):]}
		for _, name := range strings.Fields(s.functions) {
			f := &profile.Function{ID: uint64(len(p.Function) + 1), Name: name}
			l := &profile.Location{ID: f.ID, Line: []profile.Line{{Function: f, Line: 1}}}
			p.Function, p.Location = append(p.Function, f), append(p.Location, l)
			sample.Location = append(sample.Location, l)
		}
		p.Sample = append(p.Sample, sample)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const (
	id     = "20261120T100000.500Z-heap-7f3a"
	leaker = "runtime.mallocgc main.grow main.leakHere"
	honest = "main.holdMemory main.main"
)

func TestJudge(t *testing.T) {
	heap := func(ms int, leaked int64) []byte {
		return encode(t, "inuse_space", ms, stack{leaker, leaked * mib}, stack{honest, 200 * mib})
	}
	base := encode(t, "inuse_space", -500, stack{honest, 190 * mib})
	tests := []struct {
		name       string
		files      map[string][]byte // below the guard's folder; modified at epoch
		goroutines bool
		want       string // part of the reason; "" expects survival
		share      float64
	}{
		{name: "fresh names it", share: 0.9,
			files: map[string][]byte{id + "/heap.pb.gz": heap(500, 1), id + "/heap-fresh.pb.gz": heap(500, 45), id + "/heap-base.pb.gz": base}},
		{name: "second capture names it", share: 0.5,
			files: map[string][]byte{id + "/heap-fresh.2.pb.gz": heap(500, 25), id + "/heap-base.pb.gz": base}},
		{name: "temporary files are nobody's", share: 1,
			files: map[string][]byte{id + "/heap.pb.gz": heap(500, 50), id + "/heap-base.pb.gz": base, id + "/.tmp-1-heap.pb.gz": base[:9], ".tmp-2/heap.pb.gz": base[:9]}},
		{name: "less than half",
			files: map[string][]byte{id + "/heap.pb.gz": heap(500, 24), id + "/heap-base.pb.gz": base}, want: "heap.pb.gz, 500ms before death: attributes only 48%"},
		{name: "no base",
			files: map[string][]byte{id + "/heap.pb.gz": heap(500, 50)}, want: "no intact baseline"},
		{name: "wrong function",
			files: map[string][]byte{id + "/heap-base.pb.gz": base,
				id + "/heap.pb.gz": encode(t, "inuse_space", 500, stack{"main.leakHereToo main.main", 50 * mib})}, want: "attributes only 0%"},
		{name: "closure of the culprit", share: 1,
			files: map[string][]byte{id + "/heap-base.pb.gz": base,
				id + "/heap.pb.gz": encode(t, "inuse_space", 500, stack{"main.leakHere.func1", 50 * mib})}},
		{name: "another grew more",
			files: map[string][]byte{id + "/heap-base.pb.gz": encode(t, "inuse_space", -500, stack{honest, 140 * mib}), id + "/heap.pb.gz": heap(500, 50)},
			want:  "ranks main.holdMemory first (+60 MiB)"},
		{name: "the runtime's frames are nobody's", want: "ranks main.holdMemory first (+50 MiB)",
			files: map[string][]byte{id + "/heap-base.pb.gz": encode(t, "inuse_space", -500, stack{"runtime.mallocgc main.holdMemory", 10 * mib}),
				id + "/heap.pb.gz": encode(t, "inuse_space", 500, stack{"runtime.mallocgc main.holdMemory", 60 * mib}, stack{"runtime.mallocgc main.leakHere", 30 * mib})}},
		{name: "before the leak",
			files: map[string][]byte{id + "/heap.pb.gz": heap(-1, 50), id + "/heap-base.pb.gz": base}, want: "before anything had leaked"},
		{name: "not a heap profile",
			files: map[string][]byte{id + "/heap.pb.gz": encode(t, "inuse_objects", 500, stack{leaker, 1}), id + "/heap-base.pb.gz": base}, want: "no inuse_space"},
		{name: "a torn file beside whole evidence",
			files: map[string][]byte{id + "/heap-fresh.pb.gz": heap(500, 45), id + "/heap-base.pb.gz": base, id + "/mutex.pb.gz": base[:len(base)/2]},
			want:  "torn: " + id + "/mutex.pb.gz"},
		{name: "a torn manifest",
			files: map[string][]byte{id + "/heap-fresh.pb.gz": heap(500, 45), id + "/heap-base.pb.gz": base, id + "/manifest.json": []byte(`{"schema":`)},
			want:  "torn: " + id + "/manifest.json"},
		{name: "a torn baseline in the ladder",
			files: map[string][]byte{"baseline/20261120T100000Z-1-7f3a/heap-1.pb.gz": base[:9], id + "/heap.pb.gz": heap(500, 50), id + "/heap-base.pb.gz": base},
			want:  "torn: baseline/"},
		{name: "nothing", want: "no incident folder"},
		{name: "baselines only", files: map[string][]byte{"baseline/heap.pb.gz": base}, want: "no incident folder"},
		{name: "wrong kind", files: map[string][]byte{id + "/goroutine.pb.gz": encode(t, "goroutine", 500, stack{leaker, 9})}, want: "without a profile of the kind"},

		{name: "goroutines", goroutines: true, share: 50.0 / (50 * mib),
			files: map[string][]byte{id + "/goroutine.pb.gz": encode(t, "goroutine", 500, stack{"runtime.gopark main.leakHere.func1", 50}, stack{"main.main", 50})}},
		{name: "too few goroutines", goroutines: true, want: "49 of its 99 goroutines",
			files: map[string][]byte{id + "/goroutine.pb.gz": encode(t, "goroutine", 500, stack{"runtime.gopark main.leakHere.func1", 49}, stack{"main.main", 50})}},
		{name: "the goroutines of the baseline", goroutines: true, want: "without a profile of the kind",
			files: map[string][]byte{id + "/goroutine-base.pb.gz": encode(t, "goroutine", 500, stack{"main.leakHere", 50})}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, data := range tt.files {
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Chtimes(path, epoch, epoch); err != nil {
					t.Fatal(err)
				}
			}
			leak := leak100()
			leak.Goroutines = tt.goroutines
			v, err := Judge(dir, leak)
			if err != nil {
				t.Fatal(err)
			}
			if v.Survived != (tt.want == "") || !strings.Contains(v.Reason, tt.want) {
				t.Errorf("survived %v, reason %q; want %q", v.Survived, v.Reason, tt.want)
			}
			if v.Survived && (v.Share != tt.share || v.Margin != 500*time.Millisecond) {
				t.Errorf("share %v, margin %v; want %v, 500ms", v.Share, v.Margin, tt.share)
			}
		})
	}
}

func TestJudgeWithoutFolder(t *testing.T) {
	v, err := Judge(filepath.Join(t.TempDir(), "absent"), leak100())
	if err != nil || v.Survived || v.Reason != "no incident folder" {
		t.Errorf("got %+v, %v", v, err)
	}
}

func TestLeak(t *testing.T) {
	l := leak100()
	for ms, want := range map[int]int64{-1: 0, 0: 0, 10: mib, 1000: 100 * mib, 2000: 100 * mib} {
		if got := l.At(epoch.Add(time.Duration(ms) * time.Millisecond)); got != want {
			t.Errorf("at %d ms: %d had leaked, want %d", ms, got, want)
		}
	}
	// Being suspended at the limit does not slow the leak.
	l.Stamps = append(l.Stamps, Stamp{At: epoch.Add(time.Minute), Leaked: 100*mib + 1})
	if got := l.Rate() / mib; got < 99 || got > 101 {
		t.Errorf("rate %.1f MiB/s, want 100", got)
	}
	if got := l.Death(); !got.Equal(epoch.Add(time.Minute)) {
		t.Errorf("death at %v", got)
	}
	if got := (Leak{}).Rate(); got != 0 {
		t.Errorf("no leak at a rate of %v", got)
	}
}

func TestFalseAlarms(t *testing.T) {
	for incidents, want := range []bool{true, true, false} {
		if got := falseAlarms(Verdict{Incidents: incidents}); got.Survived != want {
			t.Errorf("%d incidents: %+v", incidents, got)
		}
	}
	if got := falseAlarms(Verdict{Torn: []string{"x"}, Reason: "torn: x"}); got.Survived || got.Reason == "" {
		t.Errorf("a torn file passes: %+v", got)
	}
}
