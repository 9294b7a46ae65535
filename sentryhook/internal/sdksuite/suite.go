package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	sdk = "github.com/getsentry/sentry-go"
	// goVersion is that of leakguard's go.mod.
	goVersion = "1.25.0"
)

// suite is a copy of the SDK's module, with its tests.
type suite struct {
	dir string
	log string // of the requests that went through the transport; it has a byte for each
}

// required returns the versions of the SDK that leakguard's modules require.
func required(ctx context.Context, root string) (versions []string, err error) {
	for _, dir := range []string{".", "sentryhook/newest"} {
		out, err := goCommand(ctx, filepath.Join(root, dir), "list", "-m", "-f", "{{.Version}}", sdk)
		if err != nil {
			return nil, err
		}
		versions = append(versions, strings.TrimSpace(string(out)))
	}
	return versions, nil
}

// newSuite copies a release out of the module cache.
func newSuite(ctx context.Context, tmp, version, kind string) (*suite, error) {
	out, err := goCommand(ctx, tmp, "mod", "download", "-json", sdk+"@"+version)
	if err != nil {
		return nil, err
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return nil, fmt.Errorf("go mod download: %w", err)
	}
	dir := filepath.Join(tmp, version, kind)
	s := &suite{dir: filepath.Join(dir, "sdk"), log: filepath.Join(dir, "requests")}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.CopyFS(s.dir, os.DirFS(module.Dir)); err != nil {
		return nil, fmt.Errorf("copy %s: %w", module.Dir, err)
	}
	// The files of the module cache are read-only, and a copy keeps that.
	err = filepath.WalkDir(s.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chmod(path, 0o700)
	})
	if err != nil {
		return nil, err
	}
	// Both copies have the version that the one with the transport needs.
	_, err = goCommand(ctx, s.dir, "mod", "edit", "-go", goVersion)
	return s, err
}

// bridge is the package through which the SDK's copy reaches the transport. Its path lets
// it import what is internal to sentryhook. The SDK cannot import sentryhook itself, which
// imports the SDK.
const bridge = "github.com/leakguard/leakguard/sentryhook/bridge"

const bridgeSource = `package bridge

import (
	"net/http"
	"os"
	"reflect"
	"sync"

	"github.com/leakguard/leakguard/sentryhook/internal/transport"
)

var (
	mu      sync.Mutex
	through = make(map[http.RoundTripper]*transport.Transport)
)

// Do sends a request as the client would, through a transport of ours.
func Do(c *http.Client, r *http.Request) (*http.Response, error) {
	if f, err := os.OpenFile(os.Getenv("SDKSUITE_REQUESTS"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
		f.Write([]byte{'.'})
		f.Close()
	}
	routed := *c
	routed.Transport = of(c.Transport)
	return routed.Do(r)
}

// of returns the transport of a base, always the same one where that can be told.
func of(base http.RoundTripper) *transport.Transport {
	if base != nil && !reflect.TypeOf(base).Comparable() {
		return made(base)
	}
	mu.Lock()
	defer mu.Unlock()
	if through[base] == nil {
		through[base] = made(base)
	}
	return through[base]
}

func made(base http.RoundTripper) *transport.Transport {
	t, err := transport.New(base, transport.Config{})
	if err != nil {
		panic(err)
	}
	return t
}
`

// sends is where the SDK sends a request.
var sends = regexp.MustCompile(`(?m)^([^/\n]*?)\b((?:t\.)?client)\.Do\(((?:item\.)?request)\)`)

// route makes the SDK send every request through a transport of leakguard's, which is at
// root.
func (s *suite) route(ctx context.Context, root, tmp string) error {
	dir := filepath.Join(tmp, "bridge")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module "+bridge+"\n\ngo "+goVersion+"\n"), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "bridge.go"), []byte(bridgeSource), 0o600); err != nil {
		return err
	}
	changed := 0
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "_examples") {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil || !sends.Match(source) {
			return err
		}
		changed++
		source = sends.ReplaceAll(source, []byte("${1}bridge.Do($2, $3)"))
		source = regexp.MustCompile(`(?m)^package \w+$`).ReplaceAll(source, []byte("$0\n\nimport \""+bridge+"\"\n"))
		return os.WriteFile(path, source, 0o600)
	})
	if err != nil {
		return err
	}
	if changed == 0 {
		return fmt.Errorf("no file matches %v: has the SDK changed the way it sends?", sends)
	}
	_, err = goCommand(ctx, s.dir, "mod", "edit",
		"-require", bridge+"@v0.0.0", "-replace", bridge+"="+dir,
		"-require", "github.com/leakguard/leakguard@v0.0.0", "-replace", "github.com/leakguard/leakguard="+root)
	return err
}

// requests returns how many requests went through the transport.
func (s *suite) requests() int64 {
	info, err := os.Stat(s.log)
	if err != nil {
		return 0
	}
	return info.Size()
}

// goCommand runs the go command in a folder and returns what it prints.
func goCommand(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, errs.Bytes())
	}
	return out, nil
}
