package guardtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The test's own frame is further up than findCallSite looks.
func TestVerifyNoneFarBelowItsTest(t *testing.T) {
	var helper func(int)
	helper = func(n int) {
		if n > 0 {
			helper(n - 1)
			return
		}
		VerifyNone(t)
	}
	helper(100)
}

// A measurement in a bubble would end the process.
func TestNoHeapGrowthRefusesABubble(t *testing.T) {
	fake := &fakeT{name: t.Name()}
	synctest.Test(t, func(*testing.T) {
		NoHeapGrowth(fake, func() { t.Error("fn ran") }, Iterations(1<<10))
	})
	if got := fake.end(); !strings.HasPrefix(got, "guardtest: NoHeapGrowth: called in a bubble") {
		t.Errorf("got %q", got)
	}
}

// uncomparable is a stand-in whose comparison panics.
type uncomparable struct {
	*fakeT
	logs []string
}

func TestStandInThatCannotBeCompared(t *testing.T) {
	standIn := uncomparable{&fakeT{name: t.Name()}, nil}
	VerifyNone(standIn)
	VerifyNone(standIn)
	if got := standIn.end(); !strings.Contains(got, "called twice in one test") {
		t.Errorf("got %q", got)
	}
}

// The lines of another file could suggest misuse where there is none.
func TestOnlyTheSourceItself(t *testing.T) {
	if sourceLine(strings.TrimSuffix(ourPackage, ".")+"/look.go", 1) != "package guardtest" {
		t.Error("as -trimpath names it, a file of this package is not found")
	}
	if got := sourceLines("example.com/other/look.go", 1, 3); got != nil {
		t.Errorf("another package's file: %q", got)
	}
	file := filepath.Join(t.TempDir(), "x.go")
	for _, c := range []struct {
		age   time.Duration
		lines int
	}{{time.Hour, 2}, {-time.Hour, 0}} {
		if err := os.WriteFile(file, []byte("package x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, time.Time{}, builtAt().Add(-c.age)); err != nil {
			t.Fatal(err)
		}
		if got := readSource(file); len(got) != c.lines {
			t.Errorf("edited %v before the build: %q", c.age, got)
		}
	}
}
