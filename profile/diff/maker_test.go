package diff

import (
	"slices"
	"testing"
	"time"
)

// Who allocates is not always who keeps.
func TestKeepers(t *testing.T) {
	const encode, handle = shop + ".encode ", shop + ".handle net/http.(*conn).serve"
	for name, c := range map[string]struct {
		now           map[string]int64
		want, through string
	}{
		"a maker by its name": {
			map[string]int64{"bytes.x " + encode + shop + ".(*Relay).forward " + handle: 40 << 20},
			shop + ".(*Relay).forward", shop + ".encode",
		},
		"a maker of a maker": {
			map[string]int64{encode + shop + ".newFrame " + shop + ".(*Relay).forward " + handle: 40 << 20},
			shop + ".(*Relay).forward", shop + ".encode",
		},
		"a caller that keeps an entry for each": {
			map[string]int64{
				shop + ".session " + shop + ".(*Store).Open " + handle:           40 << 20,
				"context.WithCancel " + shop + ".(*Store).Open " + handle:        10 << 20,
				"encoding/json.x " + shop + ".other " + shop + ".more " + handle: 1 << 20,
			},
			shop + ".(*Store).Open", shop + ".session",
		},
		"a caller that keeps nothing": {
			map[string]int64{shop + ".(*Store).Add " + handle: 40 << 20},
			shop + ".(*Store).Add", "",
		},
		"many callers": {
			map[string]int64{encode + shop + ".a " + handle: 20 << 20, encode + shop + ".b " + handle: 20 << 20},
			shop + ".encode", "",
		},
		"a middleware is no caller": {
			map[string]int64{encode + "net/http.HandlerFunc.ServeHTTP " + shop + ".logging.func1 net/http.(*conn).serve": 40 << 20},
			shop + ".encode", "",
		},
		"main is no caller": {
			map[string]int64{encode + "main.main": 40 << 20},
			shop + ".encode", "",
		},
		"makers that call each other": {
			map[string]int64{encode + shop + ".decode " + encode + shop + ".decode": 40 << 20},
			shop + ".encode", "",
		},
	} {
		base := heapAt(0, map[string]int64{"main.load main.main": 4 << 20})
		c.now["main.load main.main"] = 4 << 20
		s := compared(t, base, heapAt(time.Minute, c.now), Config{MainModule: shop}).Suspects
		if len(s) == 0 || s[0].Frame.Function != c.want || s[0].Through.Function != c.through {
			t.Errorf("%s: suspects %+v, want %s through %q", name, s, c.want, c.through)
		}
	}
}

func TestIsMaker(t *testing.T) {
	makers := []string{"a.newSession", "a/b.(*T).parse", "a.copy_row", "a.lookup", "a.(*T[...]).decodeAll"}
	others := []string{"a.New", "a.NewSession", "a.Encode", "a.news", "a.newsletter", "a.(*T).Put", "a.Lookup", "a.(*T).encode.func1", "a.makefile", "a.Open", ""}
	for _, name := range append(slices.Clone(makers), others...) {
		if got, want := isMaker(name), slices.Contains(makers, name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
