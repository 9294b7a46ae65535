package diff

import (
	"math/rand/v2"
	"testing"

	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/internal/profiletest"
	"github.com/leakguard/leakguard/profile"
)

func TestCompareGuessesTheMainModule(t *testing.T) {
	now := profiletest.StackOf(profile.Heap.String(), map[string]int64{
		"github.com/dep/lib.Do main.main runtime.main":             1 << 20,
		"github.com/dep/lib.Do " + shop + "/storage.Put main.main": 1 << 20,
		"strings.Builder.Grow " + shop + "/storage.Get main.main":  1 << 20,
		"github.com/other/tool/sub.Run " + "net/http.serve":        1 << 20,
	})
	c := compared(t, nil, now, Config{})
	if got := rowOf(c.Sites, "main.main").Frame.Module; got != shop {
		t.Errorf("package main is of module %q, want %q", got, shop)
	}
	if got := rowOf(c.Sites, "github.com/other/tool/sub.Run").Frame.Module; got != "github.com/other/tool" {
		t.Errorf("a module in a workspace: %q", got)
	}
	if got := rowOf(c.Sites, "github.com/dep/lib.Do"); got.Value.After != 0 {
		t.Errorf("a dependency is a site although the user's code called it: %+v", got)
	}
	for _, s := range c.Suspects {
		if s.Confidence >= 0.5 {
			t.Errorf("without a baseline: confidence %v", s.Confidence)
		}
	}
}

// TestSiteIsTheOneOfFrames compares the fast search for a site with the plain
// one.
func TestSiteIsTheOneOfFrames(t *testing.T) {
	names := []string{"runtime.gopark", "sync.(*Mutex).Lock", "net/http.serve", "github.com/dep/lib.Do", shop + ".Do", "internal/poll.x", "malloc"}
	rng := rand.New(rand.NewPCG(1, 2))
	x := newIndex(shop)
	for range 5_000 {
		var calls []call
		var stack []frames.Frame
		for range rng.IntN(6) {
			name := names[rng.IntN(len(names))]
			calls = append(calls, call{fn: x.function(name, "/src/x.go")})
			stack = append(stack, frames.Frame{Function: name, File: "/src/x.go"})
		}
		if got, want := x.site(calls), frames.Site(stack, shop); got != want {
			t.Fatalf("site of %v: %d, want %d", stack, got, want)
		}
	}
}
