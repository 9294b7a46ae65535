package diff

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/internal/profiletest"
	"github.com/leakguard/leakguard/profile"
)

const goroutinesText = `goroutine 1 [running]:
main.main()
	/src/main.go:29 +0xc0d

goroutine 18 [chan receive, 40 minutes, locked to thread]:
github.com/acme/shop/storage.(*Cache).wait(0xc000012345, {0x1, 0x2})
	/src/storage.go:85 +0x19
iter.Pull[...].func1()
	/src/x.go:1
created by github.com/acme/shop.(*Server).handle in goroutine 7
	/src/server.go:33 +0x1cf

goroutine 19 gp=0xc000182000 m=nil [chan receive (durable), 5 minutes]:
github.com/acme/shop/storage.(*Cache).wait(...)
	/src/storage.go:85 +0x19
created by github.com/acme/shop.(*Server).handle
	/src/server.go:33 +0x1cf

goroutine 20 [chan receive, 1 minutes, synctest bubble 3]:
github.com/acme/shop/storage.(*Cache).wait()
	/src/storage.go:85 +0x19
...additional frames elided...

goroutine x [chan receive]:
goroutine 21 chan receive:
goroutine 22 [select (no cases) {"request": "12, 7 minutes"}]:
main.f()
`

func TestGoroutineText(t *testing.T) {
	text := readGoroutineText(strings.NewReader(goroutinesText))
	if len(text.goroutines) != 5 || len(text.warnings) != 0 {
		t.Fatalf("%d goroutines, warnings %q", len(text.goroutines), text.warnings)
	}
	want := frames.TextGoroutine{
		ID: 18, State: "chan receive", Minutes: 40,
		Functions: []string{"github.com/acme/shop/storage.(*Cache).wait", "iter.Pull[...].func1"},
		Creator:   "github.com/acme/shop.(*Server).handle", CreatorID: 7, CreatedAt: "/src/server.go:33",
	}
	if got := text.goroutines[1]; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if g := text.goroutines; g[1].Bubble || !g[3].Bubble {
		t.Errorf("in a bubble: %v, %v; want false, true", g[1].Bubble, g[3].Bubble)
	}
	if got := text.goroutines[4]; got.ID != 22 || got.State != "select (no cases)" || got.Minutes != 0 {
		t.Errorf("labels: got %+v", got)
	}
	wait := profile.Frame{Function: "github.com/acme/shop/storage.(*Cache).wait"}
	got := text.about(GoroutineGroup{Wait: "chan receive", Blocked: wait, Root: wait})
	if want := (textEvidence{
		3, 2, 40, "github.com/acme/shop.(*Server).handle at /src/server.go:33",
		profile.Frame{Function: "github.com/acme/shop.(*Server).handle", File: "/src/server.go", Line: 33},
	}); got != want {
		t.Errorf("about the group: %+v, want %+v", got, want)
	}
	got = text.about(GoroutineGroup{Wait: "chan receive", Blocked: wait, Root: profile.Frame{Function: "iter.Pull[go.shape.int].func1"}})
	if got.count != 1 {
		t.Errorf("with type arguments: %+v, want one goroutine", got)
	}
	if got := text.about(GoroutineGroup{Wait: "select", Blocked: wait, Root: wait}); got != (textEvidence{}) {
		t.Errorf("of another wait: %+v", got)
	}

	if text := readGoroutineText(nil); len(text.warnings) != 0 {
		t.Errorf("no text: %q", text.warnings)
	}
	if text := readGoroutineText(strings.NewReader("goroutine profile: total 3\n")); len(text.warnings) != 1 {
		t.Errorf("debug=1: %q", text.warnings)
	}
	if text := readGoroutineText(iotest.ErrReader(errors.New("unplugged"))); len(text.warnings) != 1 || !strings.Contains(text.warnings[0], "unplugged") {
		t.Errorf("a reader that fails: %q", text.warnings)
	}
	if n := len(frames.ParseText(strings.Repeat("goroutine 1 [x]:\n", maxTextGoroutines+9), maxTextGoroutines, maxStack)); n != maxTextGoroutines {
		t.Errorf("%d goroutines of a long text, want %d", n, maxTextGoroutines)
	}
	long := strings.Repeat(goroutinesText, maxGoroutineText/len(goroutinesText)+1)
	if text := readGoroutineText(strings.NewReader(long)); len(text.goroutines) < 90_000 || len(text.warnings) != 1 {
		t.Errorf("a long text: %d goroutines, %q", len(text.goroutines), text.warnings)
	}
}

// TestGoroutineTextOfTheRuntime checks the parser against the output of this
// toolchain.
func TestGoroutineTextOfTheRuntime(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	go leakGoroutine(stop)
	for {
		text := readGoroutineText(strings.NewReader(string(profiletest.Runtime(t, "goroutine", 2))))
		for _, g := range text.goroutines {
			if len(g.Functions) > 0 && strings.HasSuffix(g.Functions[0], ".leakGoroutine") && g.State == "chan receive" {
				if !strings.HasSuffix(g.Creator, ".TestGoroutineTextOfTheRuntime") || !strings.Contains(g.CreatedAt, "goroutine_text_test.go:") {
					t.Errorf("got %+v", g)
				}
				return
			}
		}
	}
}

func FuzzGoroutineText(f *testing.F) {
	f.Add(goroutinesText)
	f.Add("goroutine 1 []:\n(\n[\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, g := range frames.ParseText(text, maxTextGoroutines, maxStack) {
			if g.ID <= 0 || g.Minutes < 0 {
				t.Errorf("got %+v", g)
			}
			for _, fn := range g.Functions {
				frames.WithoutTypes(fn)
			}
		}
	})
}
