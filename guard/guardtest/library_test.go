package guardtest

import (
	"path"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/internal/frames"
)

func TestInStack(t *testing.T) {
	for function, want := range map[string]declared{
		"github.com/robfig/cron/v3.(*Cron).Start":                               {"github.com/robfig/cron/v3", "Cron", "Start"},
		"github.com/nats-io/nats%2ego.Options.Connect":                          {"github.com/nats-io/nats.go", "Options", "Connect"},
		"github.com/nats-io/nats%2ego.(*Conn).ForceReconnect-fm":                {"github.com/nats-io/nats.go", "Conn", "ForceReconnect"},
		"github.com/acme/shop.Open":                                             {"github.com/acme/shop", "", "Open"},
		"github.com/acme/shop.Open.func1":                                       {"github.com/acme/shop", "", "Open"},
		"github.com/acme/shop.Open.gowrap2":                                     {"github.com/acme/shop", "", "Open"},
		"github.com/acme/shop.init.0.func1":                                     {"github.com/acme/shop", "", "init"},
		"github.com/acme/shop.(*Pool).init.func1.1":                             {"github.com/acme/shop", "Pool", "init"},
		"github.com/acme/shop.NewCache[...]":                                    {"github.com/acme/shop", "", "NewCache"},
		"github.com/acme/shop.(*Cache[go.shape.string,go.shape.int]).run":       {"github.com/acme/shop", "Cache", "run"},
		"github.com/acme/shop.NewCache[go.shape.string,github.com/a/b.T].func1": {"github.com/acme/shop", "", "NewCache"},
	} {
		if got := inStack(function); got != want {
			t.Errorf("%s: %v, want %v", function, got, want)
		}
	}
}

func TestExported(t *testing.T) {
	for function, want := range map[string]string{
		"github.com/acme/shop.Open":                "github.com/acme/shop.Open",
		"github.com/acme/shop.(*Cache[...]).Start": "github.com/acme/shop.(*Cache[...]).Start",
		"github.com/acme/shop.Options.Connect":     "github.com/acme/shop.Options.Connect",
		"github.com/acme/shop.(*pool).Start":       "",
		"github.com/acme/shop.open":                "",
		"github.com/acme/shop/internal/pool.Open":  "",
	} {
		l, ok := exported(function, "shop.go")
		if ok != (want != "") || l.text != want {
			t.Errorf("%s: %q, %v, want %q", function, l.text, ok, want)
		}
	}
}

func TestCallsFrom(t *testing.T) {
	VerifyNone(t)
	pc, _, _, _ := runtime.Caller(0)
	p := &profile.Profile{Function: []*profile.Function{{Name: runtime.FuncForPC(pc).Name()}}}
	text := p.String() // the call that is to be found
	file, _ := runtime.FuncForPC(reflect.ValueOf(profile.Parse).Pointer()).FileLine(reflect.ValueOf(profile.Parse).Pointer())
	if text == "" || !filepath.IsAbs(file) {
		t.Skip("built without paths, which do not say where the source is")
	}
	m, ok := moduleOf("github.com/google/pprof/profile.Parse", file)
	if !ok || m.folder != path.Dir(path.Dir(filepath.ToSlash(file))) {
		t.Fatalf("module %v, %v", m, ok)
	}
	c := codeWith(m)
	for _, tt := range []struct{ test, receiver, name, want string }{
		{"TestCallsFrom", "Location", "string", "Profile.String"}, // in a test, one call away
		{"TestVerifyNonePasses", "Location", "string", ""},
		{"TestCallsFrom", "", "ParseUncompressed", ".Parse .ParseUncompressed"}, // mentioned here, and called by VerifyNone
	} {
		var got []string
		for _, r := range c.callsFrom(tt.test, c.reaching(declared{"github.com/google/pprof/profile", tt.receiver, tt.name})) {
			got = append(got, r.to.receiver+"."+r.to.name)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s calls of %s: %q, want %q", tt.test, tt.name, got, tt.want)
		}
	}
}

// A goroutine of the user's own that waits in a dependency is not told to edit it.
func TestCauseInCall(t *testing.T) {
	own := frames.Frame{Function: "github.com/leakguard/leakguard/guard/guardtest.TestX.func1", File: "/src/x_test.go", Line: 1}
	read := frames.Frame{Function: "github.com/acme/shop.(*Conn).Read", File: "github.com/acme/shop@v1.0.0/conn.go", Line: 2}
	hidden := frames.Frame{Function: "github.com/acme/shop.wait", File: "github.com/acme/shop@v1.0.0/conn.go", Line: 3}
	park := frames.Frame{Function: "runtime.gopark"}
	for _, tt := range []struct {
		stack []frames.Frame
		says  string
	}{
		{[]frames.Frame{park, hidden, read, own}, "its call of github.com/acme/shop.(*Conn).Read has not returned"},
		{[]frames.Frame{park, read, hidden, own}, "its call into package github.com/acme/shop has not returned"},
		{[]frames.Frame{park, own, read}, ""},
		{[]frames.Frame{park, read}, ""},
	} {
		if got := causeInCall(tt.stack); !strings.HasPrefix(got, tt.says) || tt.says == "" && got != "" {
			t.Errorf("%v: %q, want %q", tt.stack, got, tt.says)
		}
	}
}
