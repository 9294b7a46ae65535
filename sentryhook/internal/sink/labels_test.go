package sink

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"runtime/pprof"
	"strconv"
	"testing"

	"github.com/google/pprof/profile"
)

const secret = "jane.doe@example.com"

// labelled returns a goroutine profile with personal data in the labels of so many
// goroutines.
func labelled(t testing.TB, more int) []byte {
	stop, running := make(chan struct{}), make(chan struct{}, more)
	defer close(stop)
	park := func(label string) {
		go pprof.Do(context.Background(), pprof.Labels("user", label), func(context.Context) {
			running <- struct{}{}
			<-stop
		})
	}
	for n := range more {
		park(secret + strconv.Itoa(n%100))
	}
	for range more {
		<-running
	}
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 0); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unpacked(t testing.TB, data []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestStripLabels(t *testing.T) {
	data := labelled(t, 10)
	if !bytes.Contains(unpacked(t, data), []byte(secret)) {
		t.Fatal("the profile has no labels: this test cannot fail")
	}
	stripped, had, err := stripLabels(data)
	if err != nil || !had {
		t.Fatalf("had labels: %v, error %v", had, err)
	}
	if bytes.Contains(unpacked(t, stripped), []byte(secret)) {
		t.Error("a label is still in the file")
	}
	before, err1 := profile.ParseData(data)
	after, err2 := profile.ParseData(stripped)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if a, b := sum(before), sum(after); a != b {
		t.Errorf("%d goroutines are left of %d", b, a)
	}
	again, had, err := stripLabels(stripped)
	if err != nil || had || !bytes.Equal(again, stripped) {
		t.Errorf("a profile without labels: had %v, error %v", had, err)
	}
	if _, _, err := stripLabels([]byte("no profile")); err == nil {
		t.Error("something else is taken for a profile")
	}
}

func sum(p *profile.Profile) (n int64) {
	for _, s := range p.Sample {
		n += s.Value[0]
	}
	return n
}

func FuzzStripLabels(f *testing.F) {
	f.Add(labelled(f, 3))
	f.Add([]byte("\x0a\x02\x08\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		stripped, _, err := stripLabels(data)
		if err != nil {
			return
		}
		if _, had, err := stripLabels(stripped); had || err != nil {
			t.Errorf("what was stripped has labels %v, error %v", had, err)
		}
	})
}

// BenchmarkStripLabels shows how much memory it takes for a file of 5,000 distinct stacks
// with 20 frames and a label each.
func BenchmarkStripLabels(b *testing.B) {
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "goroutine", Unit: "count"}}}
	for n := range uint64(5000) {
		name := "example.com/shop/storage.(*Cache).Put" + strconv.FormatUint(n, 10)
		f := &profile.Function{ID: n + 1, Name: name, SystemName: name, Filename: "/src/shop/storage/cache.go"}
		p.Function = append(p.Function, f)
		p.Location = append(p.Location, &profile.Location{ID: n + 1, Address: n * 7919, Line: []profile.Line{{Function: f, Line: int64(n)}}})
	}
	for n := range p.Location {
		s := &profile.Sample{Value: []int64{1}, Label: map[string][]string{"user": {secret + strconv.Itoa(n)}}}
		for d := range 20 {
			s.Location = append(s.Location, p.Location[(n*31+d*997)%len(p.Location)])
		}
		p.Sample = append(p.Sample, s)
	}
	var data bytes.Buffer
	if err := p.Write(&data); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(data.Len()))
	for b.Loop() {
		if _, had, err := stripLabels(data.Bytes()); err != nil || !had {
			b.Fatal(had, err)
		}
	}
	b.ReportMetric(float64(data.Len()), "file-bytes")
}
