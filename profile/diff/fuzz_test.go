package diff

import (
	"bytes"
	"strings"
	"testing"

	"github.com/leakguard/leakguard/internal/profiletest"
	"github.com/leakguard/leakguard/profile"
)

func FuzzCompare(f *testing.F) {
	seeds := seedProfiles(f)
	for _, base := range seeds {
		for _, now := range seeds {
			f.Add(base, now, goroutinesText)
		}
	}
	f.Fuzz(func(t *testing.T, base, now []byte, text string) {
		n, err := profile.Read(bytes.NewReader(now))
		if err != nil {
			return
		}
		if c, err := Compare(n, n, Config{Rows: 3}); err == nil {
			checkSums(t, c)
			if c.Total.Growth() != 0 || c.Flame != nil || len(c.Suspects) > 0 && c.Kind != profile.GoroutineLeak {
				t.Errorf("a profile has grown against itself: %+v", c)
			}
		}
		b, err := profile.Read(bytes.NewReader(base))
		if err != nil {
			b = nil
		}
		c, err := Compare(b, n, Config{GoroutineText: strings.NewReader(text), MainModule: "github.com/acme/shop", StaleCycles: 2})
		if err == nil {
			checkSums(t, c)
		}
	})
}

// seedProfiles are small seeds: minimising what it finds takes the fuzzer
// minutes for real profiles.
func seedProfiles(tb testing.TB) (raw [][]byte) {
	for _, k := range []profile.Kind{profile.Heap, profile.Goroutine, profile.GoroutineLeak, profile.CPU} {
		raw = append(raw, profiletest.Unzip(tb, profiletest.Encode(tb, profiletest.StackOf(k.String(), map[string]int64{
			"runtime.gopark runtime.chanrecv1 github.com/dep/lib.F:3 main.f:7 main.main # a=b": 5 << 20,
			"bytes.growSlice main.f:9 main.main":                                               3 << 20,
		}))))
	}
	return raw
}
