// Package gotest runs the tests of another package as a user would. It reports
// which of them failed and what each printed. It exists for tests of assertions:
// what a failure blames can be seen only from outside.
package gotest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Test is a test or subtest, with all its runs by -count combined.
type Test struct {
	Runs, Failed, Skipped int
	Output                string // without the lines about start and end
}

// Result is the result of running a package's tests.
type Result struct {
	Tests  map[string]*Test
	Failed bool   // whether the package failed
	Output string // output of no particular test: of TestMain or a crash
	All    string // all output in order
}

// Names returns the failed tests by name, with how often each failed.
func (r Result) Names() map[string]int {
	failed := make(map[string]int)
	for name, t := range r.Tests {
		if t.Failed > 0 {
			failed[name] = t.Failed
		}
	}
	return failed
}

// event is a line printed by 'go test -json' and 'go tool test2json'; see the
// latter's help.
type event struct {
	Action, Test, Output string
}

// Run runs a command that prints such events. Failing tests are no error, but it is
// an error if no test ran.
func Run(cmd *exec.Cmd) (Result, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	r := Result{Tests: make(map[string]*Test)}
	var all, output strings.Builder
	outputs := make(map[string]*strings.Builder)
	for dec := json.NewDecoder(&stdout); dec.More(); {
		var e event
		if e := dec.Decode(&e); e != nil {
			return r, fmt.Errorf("%v: parse its output: %w\n%s", cmd, e, &stderr)
		}
		if e.Action == "output" || e.Action == "build-output" {
			all.WriteString(e.Output)
		}
		if e.Test == "" {
			switch e.Action {
			case "output", "build-output":
				output.WriteString(e.Output)
			case "fail":
				r.Failed = true
			}
			continue
		}
		t := r.Tests[e.Test]
		if t == nil {
			t, outputs[e.Test] = new(Test), new(strings.Builder)
			r.Tests[e.Test] = t
		}
		switch e.Action {
		case "run":
			t.Runs++
		case "fail":
			t.Failed++
		case "skip":
			t.Skipped++
		case "output":
			if s := strings.TrimSpace(e.Output); !strings.HasPrefix(s, "=== ") && !strings.HasPrefix(s, "--- ") {
				outputs[e.Test].WriteString(e.Output)
			}
		}
	}
	for name, b := range outputs {
		r.Tests[name].Output = b.String()
	}
	r.Output, r.All = output.String()+stderr.String(), all.String()+stderr.String()
	var exit *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &exit):
		return r, fmt.Errorf("%v: %w", cmd, err)
	case len(r.Tests) == 0:
		return r, fmt.Errorf("%v: no test ran: %v\n%s", cmd, err, r.All)
	}
	return r, nil
}
