package report

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
	"unicode"

	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/internal/profiletest"
	"github.com/leakguard/leakguard/profile"
)

// A folder of files that somebody else made is explained end to end, within bounds of
// time, memory and the size of each form.
func FuzzFolder(f *testing.F) {
	raw := func(kind string, stacks map[string]int64) []byte {
		return profiletest.Unzip(f, profiletest.Encode(f, profiletest.StackOf(kind, stacks)))
	}
	heap := raw("heap", map[string]int64{"bytes.growSlice main.f:9 main.main": 64 << 20, "main.g:1 main.main": 1})
	goroutine := raw("goroutine", map[string]int64{"runtime.gopark runtime.chanrecv1 main.f:3 main.main # a=b": 400})
	text := []byte("goroutine 7 [chan receive, 12 minutes]:\nmain.f()\n\t/src/x.go:3 +0x1\ncreated by main.main in goroutine 1\n\t/src/x.go:9 +0x1\n")
	manifest := []byte(`{"schema":1,"id":"20261120T101530.123Z-heap-7f3a","rule":"heap","trigger":"rule","reason":"x","opened":"2026-11-20T10:15:30Z",
		"peak":5,"unit":"bytes","readings":[{"time":"2026-11-20T10:15:30Z","heap_live_bytes":7}],"history":[{"time":"2026-11-20T10:15:30Z"}],
		"trends":[{"signal":"live-heap","state":"growing","slope":1}],"goroutine_sites":[{"wait":"chan receive","count":400,"leaking":true,"frame":{"function":"main.f","line":3}}],
		"artefacts":[{"name":"heap.pb.gz","size":5}],"suspects":[{"wait":"x","confidence":0.5,"reasons":["y"]}]}`)
	f.Add(manifest, heap, goroutine, text)
	f.Add([]byte(`{"schema":1,"death":{"cause":"panic","panic":"\u001b[31m","evidence":["20261120T101530.123Z-heap-7f3a"]}}`), goroutine, heap, []byte(nil))
	f.Add([]byte(`{`), heap, heap[:len(heap)/2], []byte("x"))
	dir, err := os.MkdirTemp("", "leakguard-fuzz-")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { os.RemoveAll(dir) })
	folder := filepath.Join(dir, layout.NewID(noon, "heap"))
	if err := os.Mkdir(folder, 0o700); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, manifest, heap, goroutine, text []byte) {
		for name, data := range map[string][]byte{
			"manifest.json": manifest, "heap.pb.gz": heap, "heap-base.pb.gz": goroutine, "heap-fresh.pb.gz": heap,
			"goroutine.pb.gz": goroutine, "goroutine.txt": text, "cpu.pb.gz": heap, "goroutineleak.pb.gz": goroutine, "report.txt": text,
		} {
			if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begun := time.Now()
		r, err := ExplainFolder(folder)
		if err != nil {
			t.Fatalf("a damaged folder is explained as far as it can be read: %v", err)
		}
		for _, form := range forms {
			var b bytes.Buffer
			if err := form.write(r, &b); err != nil {
				t.Fatal(err)
			}
			if b.Len() > form.most {
				t.Errorf("%s has %d bytes, at most %d are allowed", form.ext, b.Len(), form.most)
			}
			if form.ext == ".html" {
				continue
			}
			for _, c := range b.String() {
				if c != '\n' && !unicode.IsPrint(c) {
					t.Errorf("%s holds %q", form.ext, c)
					break
				}
			}
		}
		runtime.ReadMemStats(&after)
		size := len(manifest) + 3*len(heap) + 3*len(goroutine) + 2*len(text)
		// The parser makes 90 bytes of one, and a comparison as many again.
		if took, most := after.TotalAlloc-before.TotalAlloc, uint64(48<<20+400*size); took > most {
			t.Errorf("%d bytes became %v, want at most %v", size, profile.Bytes(took), profile.Bytes(most))
		}
		if took := time.Since(begun); took > 30*time.Second {
			t.Errorf("%d bytes took %v", size, took)
		}
	})
}
