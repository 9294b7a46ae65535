package testenv_test

import (
	"flag"
	"fmt"
	"runtime"
	"testing"

	"github.com/leakguard/leakguard/internal/testenv"
)

// recorder is a testing.TB that records how a test was ended.
type recorder struct {
	testing.TB
	ended string
}

func (r *recorder) Helper()          {}
func (r *recorder) Skip(args ...any) { r.ended = "skip: " + fmt.Sprint(args...); runtime.Goexit() }
func (r *recorder) Fatalf(f string, args ...any) {
	r.ended = "fatal: " + fmt.Sprintf(f, args...)
	runtime.Goexit()
}

func TestNeed(t *testing.T) {
	for _, tt := range []struct {
		strict string
		ok     bool
		want   string
	}{
		{"", true, ""},
		{"1", true, ""},
		{"", false, "skip: no root"},
		{"0", false, "skip: no root"},
		{"1", false, "fatal: needed because STRICT_CI=1 is set: no root"},
	} {
		t.Setenv("STRICT_CI", tt.strict)
		r := &recorder{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			testenv.Need(r, tt.ok, "no root")
		}()
		<-done
		if r.ended != tt.want {
			t.Errorf("STRICT_CI=%q, ok %v: ended with %q, want %q", tt.strict, tt.ok, r.ended, tt.want)
		}
	}
}

func TestScaled(t *testing.T) {
	short := flag.Lookup("test.short")
	defer short.Value.Set(short.Value.String())
	for _, tt := range []struct {
		strict, short string
		want          int
	}{
		{"", "false", 1},
		{"", "true", 1},
		{"0", "false", 1},
		{"1", "false", 1000},
		{"1", "true", 1},
	} {
		t.Setenv("STRICT_CI", tt.strict)
		if err := short.Value.Set(tt.short); err != nil {
			t.Fatal(err)
		}
		if got := testenv.Scaled(1000, 1); got != tt.want || testenv.Full() != (got == 1000) {
			t.Errorf("STRICT_CI=%q, -short=%s: Scaled(1000, 1) = %d, Full() = %v", tt.strict, tt.short, got, testenv.Full())
		}
	}
}
