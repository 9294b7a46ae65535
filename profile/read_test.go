package profile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/internal/profilescan"
	"github.com/leakguard/leakguard/internal/profiletest"
)

func TestReadSaysWhatIsWrong(t *testing.T) {
	heap := profiletest.Runtime(t, "heap", 0)
	raw := profiletest.Unzip(t, heap)
	noTypes := &pprofile.Profile{PeriodType: &pprofile.ValueType{}, Period: 5}
	oneValue := profiletest.StackOf(Heap.String(), map[string]int64{"main.f": 1 << 20})
	oneValue.Sample[0].Value = oneValue.Sample[0].Value[:1]
	for _, tt := range []struct {
		name string
		data []byte
		want error
		say  string
	}{
		{"empty", nil, errTruncated, "empty"},
		{"empty, compressed", profiletest.Zip(t, nil), errTruncated, "empty"},
		{"half of the gzip", heap[:len(heap)/2], errTruncated, "copy it again"},
		{"gzip without its checksum", heap[:len(heap)-4], errTruncated, "copy it again"},
		{"half of a gzip header", heap[:5], errTruncated, "gzip"},
		{"wrong checksum", append(bytes.Clone(heap[:len(heap)-8]), 1, 2, 3, 4, 5, 6, 7, 8), ErrNotProfile, "damaged"},
		{"damaged within", append(bytes.Clone(heap[:10]), bytes.Repeat([]byte{0xff}, 50)...), ErrNotProfile, "damaged"},
		{"no gzip behind the magic", []byte("\x1f\x8b and so on"), ErrNotProfile, "damaged"},
		{"cut within a message", raw[:len(raw)-3], errTruncated, ""},
		{"goroutine debug=1", profiletest.Runtime(t, "goroutine", 1), errText, "with debug=0"},
		{"goroutine debug=2", profiletest.Runtime(t, "goroutine", 2), errText, "with debug=0"},
		{"heap debug=1", profiletest.Runtime(t, "heap", 1), errText, "with debug=0"},
		{"compressed text", profiletest.Zip(t, profiletest.Runtime(t, "heap", 1)), errText, "with debug=0"},
		{"mutex debug=1", profiletest.Runtime(t, "mutex", 1), errText, "with debug=0"},
		{"threadcreate debug=1", profiletest.Runtime(t, "threadcreate", 1), errText, "with debug=0"},
		{"HTML", []byte("\n<!DOCTYPE html><html>404"), ErrNotProfile, "HTML"},
		{"JSON", []byte(`{"level":"error"}`), ErrNotProfile, "JSON"},
		{"text", []byte("Unknown profile\n"), ErrNotProfile, "text"},
		{"trace", []byte("go 1.26 trace\x00\x00\x00\x01"), ErrNotProfile, "go tool trace"},
		{"zip archive", []byte("PK\x03\x04\x14\x00"), ErrNotProfile, "zip"},
		{"program", []byte("\x7fELF\x02\x01\x01"), ErrNotProfile, "program"},
		{"zstd", []byte("\x28\xb5\x2f\xfd\x04\x00"), ErrNotProfile, "zstd"},
		{"compressed twice", profiletest.Zip(t, heap), ErrNotProfile, "twice"},
		{"random", []byte{0xff, 0xfe, 0x01, 0x02, 0x03}, ErrNotProfile, ""},
		{"wire type 7", []byte{0x0f, 0x01}, ErrNotProfile, "wire type 7"},
		{"varint of 11 bytes", append([]byte{0x08, 0x01}, bytes.Repeat([]byte{0x88, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80}, 2)...), ErrNotProfile, "64 bits"},
		{"two in one", append(bytes.Clone(raw), raw...), ErrNotProfile, "several"},
		{"no sample types", profiletest.Encode(t, noTypes), ErrNotProfile, "no sample types"},
		{"too few values", profiletest.Encode(t, oneValue), ErrNotProfile, "mismatch"},
		{"bomb", profiletest.Zip(t, make([]byte, maxRawProfile+1)), ErrTooLarge, "64.0 MiB"},
		// Each sample has no values: 2 bytes that become 150.
		{"empty samples", profiletest.Zip(t, bytes.Repeat([]byte{0x12, 0x00}, 8<<20)), ErrTooLarge, "parsing it"},
		{"empty labels", profiletest.Zip(t, bytes.Repeat([]byte{0x12, 0x02, 0x1a, 0x00}, 2<<20)), ErrTooLarge, "parsing it"},
		{"packed locations", profiletest.Zip(t, append([]byte{0x12, 0x85, 0x80, 0x80, 0x10, 0x0a, 0x80, 0x80, 0x80, 0x10}, bytes.Repeat([]byte{1}, 32<<20)...)), ErrTooLarge, "parsing it"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Read(bytes.NewReader(tt.data))
		runtime.ReadMemStats(&after)
		if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.say) || !strings.HasPrefix(err.Error(), "profile: ") {
			t.Errorf("%s: error %q, want one that is %q and says %q", tt.name, err, tt.want, tt.say)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 3*maxRawProfile {
			t.Errorf("%s: allocated %v to refuse it", tt.name, Bytes(n))
		}
	}
}

func TestReadTakesWhatTheRuntimeWrites(t *testing.T) {
	for _, name := range []string{"heap", "allocs", "goroutine", "mutex", "block", "threadcreate"} {
		data := profiletest.Runtime(t, name, 0)
		for form, data := range map[string][]byte{"compressed": data, "uncompressed": profiletest.Unzip(t, data)} {
			if _, err := Read(iotest.OneByteReader(bytes.NewReader(data))); err != nil {
				t.Errorf("%s, %s: %v", name, form, err)
			}
		}
	}
	broken := errors.New("cable unplugged")
	if _, err := Read(io.MultiReader(bytes.NewReader(profiletest.Runtime(t, "heap", 0)[:100]), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("a reader that fails with %v: %v", broken, err)
	}
	if _, err := ReadFile(filepath.Join(t.TempDir(), "none.pb.gz")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that does not exist: %v", err)
	}
	text := filepath.Join(t.TempDir(), "goroutine.txt")
	if err := os.WriteFile(text, profiletest.Runtime(t, "goroutine", 2), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(text); !errors.Is(err, errText) || !strings.Contains(err.Error(), text) {
		t.Errorf("a text: %v; want the file's name in it", err)
	}
}

// TestScanPredictsTheParser checks the costs by which Read refuses profiles:
// the parser allocates at most that much, and not just a small part of it.
func TestScanPredictsTheParser(t *testing.T) {
	labels := &pprofile.Profile{SampleType: []*pprofile.ValueType{{Type: "goroutine", Unit: "count"}}}
	for i := range 20_000 {
		s := &pprofile.Sample{Value: []int64{1}, Label: map[string][]string{}}
		for j := range i % 12 {
			s.Label[string(rune('a'+j))] = []string{"some value"}
		}
		labels.Sample = append(labels.Sample, s)
	}
	for name, data := range map[string][]byte{
		"heap":            profiletest.Unzip(t, profiletest.Encode(t, profiletest.HeapOf(5_000, 1, 1))),
		"a few stacks":    profiletest.Unzip(t, profiletest.Encode(t, profiletest.HeapOf(10, 1, 1))),
		"real heap":       profiletest.Unzip(t, profiletest.Runtime(t, "heap", 0)),
		"real goroutines": profiletest.Unzip(t, profiletest.Runtime(t, "goroutine", 0)),
		"labels":          profiletest.Unzip(t, profiletest.Encode(t, labels)),
		"empty samples":   append(bytes.Repeat([]byte{0x12, 0x00}, 200_000), 0x32, 0x00),
		"empty labels":    append(bytes.Repeat([]byte{0x12, 0x04, 0x1a, 0x00, 0x1a, 0x00}, 50_000), 0x32, 0x00),
		"empty places":    append(bytes.Repeat([]byte{0x22, 0x00}, 200_000), 0x32, 0x00),
		"lines":           append(append([]byte{0x22, 0x80, 0xa0, 0x0c}, bytes.Repeat([]byte{0x22, 0x00}, 100<<10)...), 0x32, 0x00),
		"functions":       append(bytes.Repeat([]byte{0x2a, 0x00}, 200_000), 0x32, 0x00),
		"mappings":        append(bytes.Repeat([]byte{0x1a, 0x00}, 100_000), 0x32, 0x00),
		"strings":         bytes.Repeat([]byte{0x32, 0x00}, 200_000),
		"comments":        append(append([]byte{0x32, 0x00, 0x6a, 0x80, 0xa0, 0x0c}, make([]byte, 200<<10)...), 0x32, 0x00),
		"types":           append(bytes.Repeat([]byte{0x0a, 0x00}, 100_000), 0x32, 0x00),
	} {
		found, err := profilescan.Bytes(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := found.Parsed
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p, err := pprofile.ParseUncompressed(data)
		if err == nil {
			_ = p.CheckValid()
		}
		runtime.ReadMemStats(&after)
		took := int64(after.TotalAlloc - before.TotalAlloc)
		t.Logf("%s: %v, predicted %v, took %v (%v)", name, Bytes(len(data)), Bytes(want), Bytes(took), err)
		if took > want+64<<10 {
			t.Errorf("%s: the parser allocated %v, the scan predicts %v", name, Bytes(took), Bytes(want))
		}
		if want > 5*took+64<<10 {
			t.Errorf("%s: the scan predicts %v for %v: it would refuse what fits", name, Bytes(want), Bytes(took))
		}
	}
}

// smallProfiles are small seeds: minimising what it finds takes the fuzzer
// minutes for real profiles.
func smallProfiles(tb testing.TB) (raw [][]byte) {
	for _, k := range []Kind{Heap, Goroutine, GoroutineLeak, CPU} {
		raw = append(raw, profiletest.Unzip(tb, profiletest.Encode(tb, profiletest.StackOf(k.String(), map[string]int64{
			"runtime.gopark runtime.chanrecv1 github.com/dep/lib.F:3 main.f:7 main.main # a=b": 5 << 20,
			"bytes.growSlice main.f:9 main.main":                                               3 << 20,
		}))))
	}
	return raw
}

func FuzzRead(f *testing.F) {
	for _, raw := range smallProfiles(f) {
		f.Add(raw)
		f.Add(profiletest.Zip(f, raw))
	}
	f.Add([]byte("goroutine 1 [running]:\n"))
	f.Add([]byte{0x12, 0x00})
	f.Fuzz(func(t *testing.T, data []byte) {
		inMemory, scanErr := profilescan.Bytes(data)
		stream, err := profilescan.Reader(iotest.OneByteReader(bytes.NewReader(data)))
		if (err == nil) != (scanErr == nil) || err == nil && stream != inMemory {
			t.Errorf("a stream holds %+v, %v; in memory it is %+v, %v", stream, err, inMemory, scanErr)
		}
		p, err := Read(bytes.NewReader(data))
		if (p == nil) == (err == nil) {
			t.Fatalf("profile %v and error %v", p, err)
		}
		if err != nil {
			if !errors.Is(err, ErrNotProfile) && !errors.Is(err, ErrTooLarge) {
				t.Errorf("error %v is none that is documented", err)
			}
			return
		}
	})
}
