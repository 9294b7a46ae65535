package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// pass is the outcome of a test that has passed, as go test -json calls it.
const pass = "pass"

// name names a test of a package.
type name struct{ pkg, test string }

func (n name) String() string { return n.pkg + "." + n.test }

// top returns the test that a subtest belongs to.
func (n name) top() string {
	top, _, _ := strings.Cut(n.test, "/")
	return top
}

// results is the outcome of each test that has ended.
type results map[name]string

// passed returns the tests that have passed, in order.
func (r results) passed() []name {
	passed := maps.Clone(r)
	maps.DeleteFunc(passed, func(_ name, outcome string) bool { return outcome != pass })
	return slices.SortedFunc(maps.Keys(passed), func(a, b name) int { return cmp.Compare(a.String(), b.String()) })
}

// packages are those that are tested: what sends, and what does not take a minute to
// compile because of somebody's framework.
var packages = []string{".", "./http/...", "./internal/..."}

// test runs all tests, or some tests of a package.
func (s *suite) test(ctx context.Context, pkg string, only ...string) (results, error) {
	args := []string{"test", "-json", "-count=1", "-vet=off", "-timeout=5m"}
	if pkg == "" {
		args = append(args, packages...)
	} else {
		args = append(args, "-run", "^("+strings.Join(only, "|")+")$", pkg)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "SDKSUITE_REQUESTS="+s.log)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	r, err := parse(out)
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, errs.Bytes())
	}
	return r, nil
}

// parse reads what go test -json prints. The error says what does not build.
func parse(out []byte) (results, error) {
	r := make(results)
	var said strings.Builder
	failed := false
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var event struct{ Action, Package, Test, Output string }
		if err := decoder.Decode(&event); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		switch event.Action {
		case "build-output":
			said.WriteString(event.Output)
		case "build-fail":
			failed = true
		case pass, "fail", "skip":
			if event.Test != "" {
				r[name{event.Package, event.Test}] = event.Action
			}
		}
	}
	if failed || len(r) == 0 {
		return nil, fmt.Errorf("it does not build:\n%s", said.String())
	}
	return r, nil
}
