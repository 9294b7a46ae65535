package frames_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/leakguard/leakguard/internal/frames"
)

func TestPackageOf(t *testing.T) {
	for function, want := range map[string]string{
		"main.main":                "main",
		"main.main.func1.2":        "main",
		"runtime.gopark":           "runtime",
		"net/http.(*Server).Serve": "net/http",
		"github.com/acme/shop/storage.(*Cache).Put":                  "github.com/acme/shop/storage",
		"github.com/acme/shop/storage.Put[github.com/x.y/z.T].func1": "github.com/acme/shop/storage",
		"github.com/acme/shop/storage.(*Cache[...]).Put":             "github.com/acme/shop/storage",
		"iter.Pull[go.shape.int].func1":                              "iter",
		"gopkg.in/yaml%2ev3.(*Decoder).Decode":                       "gopkg.in/yaml.v3",
		"gopkg.in/yaml%2ev3.Unmarshal":                               "gopkg.in/yaml.v3",
		"github.com/acme/m%c3%bcll.Weg":                              "github.com/acme/müll",
		"shop%2.Odd":                                                 "shop%2",
		"github.com/acme/shop/vendor/github.com/foo/bar.Do":          "github.com/foo/bar",
		"vendor/golang.org/x/net/http2/hpack.NewEncoder":             "vendor/golang.org/x/net/http2/hpack",
		"shop/storage.glob..func1":                                   "shop/storage",
		"shop/storage.(*Cache).Put-fm":                               "shop/storage",
		"github.com/acme/shop_test.TestX":                            "github.com/acme/shop_test",
		"type:.eq.github.com/acme/shop.Key":                          "github.com/acme/shop",
		"malloc":                                                     "",
		"":                                                           "",
		"[":                                                          "",
		"a/b":                                                        "",
	} {
		if got := frames.PackageOf(function); got != want {
			t.Errorf("package of %s: %q, want %q", function, got, want)
		}
	}
}

func TestModuleOf(t *testing.T) {
	for _, tt := range []struct {
		function, file, main, want string
		own                        bool
	}{
		{"net/http.Get", "/usr/local/go/src/net/http/client.go", "github.com/acme/shop", "std", false},
		{"malloc", "", "github.com/acme/shop", "std", false},
		{"vendor/golang.org/x/net/idna.New", "x.go", "shop", "std", false},
		{"main.main", "/home/me/shop/main.go", "github.com/acme/shop", "github.com/acme/shop", true},
		{"main.main", "/home/me/shop/main.go", "", "main", true},
		{"main.main", "/root/go/pkg/mod/github.com/foo/tool@v1.0.0/main.go", "", "github.com/foo/tool", true},
		{"command-line-arguments.TestX", "/x/x_test.go", "", "main", true},
		{"github.com/acme/shop/storage.Put", "/home/me/shop/storage/put.go", "github.com/acme/shop", "github.com/acme/shop", true},
		{"github.com/acme/shop_test.TestX", "/home/me/shop/x_test.go", "github.com/acme/shop", "github.com/acme/shop", true},
		{"github.com/acme/shopping.Put", "/home/me/shopping/put.go", "github.com/acme/shop", "github.com/acme/shopping", false},
		{"github.com/acme/shop/storage.Put", "/home/me/shop/storage/put.go", "", "github.com/acme/shop", true},
		// A nested module is a dependency.
		{"github.com/acme/shop/api/v1.Put", "/root/go/pkg/mod/github.com/acme/shop/api@v1.2.0/v1/put.go", "github.com/acme/shop", "github.com/acme/shop/api", false},
		{"github.com/BurntSushi/toml.Decode", "/root/go/pkg/mod/github.com/!burnt!sushi/toml@v1.2.3/decode.go", "github.com/acme/shop", "github.com/BurntSushi/toml", false},
		{"github.com/BurntSushi/toml.Decode", "github.com/BurntSushi/toml@v1.2.3/decode.go", "", "github.com/BurntSushi/toml", false},
		{"gopkg.in/yaml%2ev3.Marshal", "/mods/gopkg.in/yaml.v3@v3.0.1/yaml.go", "shop", "gopkg.in/yaml.v3", false},
		{"golang.org/x/sync/errgroup.(*Group).Go.func1", `C:\Users\me\go\pkg\mod\golang.org\x\sync@v0.9.0\errgroup\errgroup.go`, "shop", "golang.org/x/sync", false},
		{"github.com/foo/bar/v2/baz.Do", "/home/me/shop/vendor/github.com/foo/bar/v2/baz/do.go", "github.com/acme/shop", "github.com/foo/bar/v2", false},
		{"github.com/foo/bar.Do", "/home/me/shop/vendor/github.com/foo/bar/do.go", "", "github.com/foo/bar", false},
		{"shop/storage.Put", "/home/me/shop/storage/put.go", "shop", "shop", true},
		{"shop/storage.Put", "shop/storage/put.go", "", "shop", true},
		{"go.uber.org/zap/zapcore.Write", "/x/vendor/go.uber.org/zap/zapcore/w.go", "shop", "go.uber.org/zap", false},
		{"github.com/acme/shop/storage.Put", "/home/me@work/shop/storage/put.go", "github.com/acme/shop", "github.com/acme/shop", true},
	} {
		if got := frames.ModuleOf(tt.function, tt.file, tt.main); got != tt.want {
			t.Errorf("module of %s in %s with main module %q: %q, want %q", tt.function, tt.file, tt.main, got, tt.want)
		}
		if got := frames.Own(frames.Frame{Function: tt.function, File: tt.file}, tt.main); got != tt.own {
			t.Errorf("%s in %s with main module %q: own is %v, want %v", tt.function, tt.file, tt.main, got, tt.own)
		}
	}
}

func TestSite(t *testing.T) {
	dep := frames.Frame{Function: "github.com/foo/bar.Do", File: "/root/go/pkg/mod/github.com/foo/bar@v1.0.0/do.go"}
	own := frames.Frame{Function: "github.com/acme/shop.Do", File: "/home/me/do.go"}
	std := frames.Frame{Function: "net/http.(*persistConn).readLoop"}
	run := frames.Frame{Function: "runtime.gopark"}
	poll := frames.Frame{Function: "internal/poll.(*FD).Read"}
	bufio := frames.Frame{Function: "bufio.NewReaderSize"}
	dial := frames.Frame{Function: "net/http.(*Transport).dialConn"}
	dialFor := frames.Frame{Function: "net/http.(*Transport).dialConnFor"}
	wrapper := frames.Frame{Function: "github.com/acme/shop.logging.func1", File: "/home/me/log.go"}
	handler := frames.Frame{Function: "net/http.HandlerFunc.ServeHTTP"}
	serve := frames.Frame{Function: "net/http.(*conn).serve"}
	otel := frames.Frame{Function: "github.com/otel/otelhttp.(*middleware).serveHTTP", File: "/root/go/pkg/mod/github.com/otel/otelhttp@v1.0.0/x.go"}
	metric := frames.Frame{Function: "github.com/otel/sdk.(*sum).measure", File: "/root/go/pkg/mod/github.com/otel/sdk@v1.0.0/x.go"}
	group := frames.Frame{Function: "golang.org/x/sync/errgroup.(*Group).Go.func1", File: "/root/go/pkg/mod/golang.org/x/sync@v1.0.0/x.go"}
	for _, tt := range []struct {
		stack []frames.Frame
		want  int
	}{
		{[]frames.Frame{run, poll, std, dep, own, own}, 4},
		{[]frames.Frame{run, poll, std, dep, std}, 2},                       // the goroutine is the standard library's
		{[]frames.Frame{bufio, dial, dialFor}, 1},                           // not what it calls, nor where it began
		{[]frames.Frame{metric, otel, handler, wrapper, handler, serve}, 1}, // the wrapper only hands on
		{[]frames.Frame{metric, otel, handler, serve}, 1},
		{[]frames.Frame{bufio, handler, wrapper, handler, serve}, 2}, // no library below it
		{[]frames.Frame{metric, wrapper, handler, serve}, 1},         // it calls the library itself
		{[]frames.Frame{bufio, dep, group}, 1},
		{[]frames.Frame{run, poll, std, std}, 2},
		{[]frames.Frame{run, run}, 0},
		{nil, -1},
	} {
		if got := frames.Site(tt.stack, "github.com/acme/shop"); got != tt.want {
			t.Errorf("site of %v: %d, want %d", tt.stack, got, tt.want)
		}
	}
}

// TestIsStandard gets the list of packages from the toolchain that runs the
// test.
func TestIsStandard(t *testing.T) {
	out, err := exec.Command("go", "list", "std").Output()
	if err != nil {
		t.Skip("no go command:", err)
	}
	packages := strings.Fields(string(out))
	if len(packages) < 100 {
		t.Fatalf("go list std gave %d packages", len(packages))
	}
	for _, pkg := range packages {
		if !frames.IsStandard(pkg) {
			t.Errorf("%s is not taken for the standard library's", pkg)
		}
	}
	for _, pkg := range []string{"main", "github.com/acme/shop", "shop/net", "gopkg.in/yaml.v3"} {
		if frames.IsStandard(pkg) {
			t.Errorf("%s is taken for the standard library's", pkg)
		}
	}
}

func FuzzFunction(f *testing.F) {
	f.Add("gopkg.in/yaml%2ev3.(*Decoder).Decode", "/root/go/pkg/mod/github.com/!burnt!sushi/toml@v1.2.3/decode.go", "github.com/acme/shop")
	f.Add("a%2", "!@/", "")
	f.Fuzz(func(t *testing.T, function, file, module string) {
		frame := frames.Frame{Function: function, File: file}
		own, of := frames.Own(frame, module), frames.ModuleOf(function, file, module)
		if own && of == frames.Standard && module != frames.Standard {
			t.Errorf("%+v is the user's own and the standard library's", frame)
		}
		if of == "" {
			t.Errorf("%+v has no module", frame)
		}
	})
}
