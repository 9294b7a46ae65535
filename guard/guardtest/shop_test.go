package guardtest

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard/guardtest/internal/gotest"
)

// shop is the test binary of testdata/shop, built once. A failing test can be
// observed only from outside.
var shop = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "guardtest")
	if err != nil {
		return "", err
	}
	shopDir = dir
	bin := filepath.Join(dir, "shop.test.exe")
	out, err := exec.Command("go", "test", "-c", "-o", bin, "./testdata/shop").CombinedOutput()
	if err != nil {
		os.Stderr.Write(out)
	}
	return bin, err
})

var shopDir string

func TestMain(m *testing.M) {
	code := runMain(m, os.Stderr, &tests, Patience(30*time.Second))
	if shopDir != "" {
		os.RemoveAll(shopDir)
	}
	os.Exit(code)
}

// runShop runs the matching tests.
func runShop(t *testing.T, main, pattern string, args ...string) gotest.Result {
	t.Helper()
	bin, err := shop()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", append([]string{"tool", "test2json", bin, "-test.v=test2json", "-test.parallel=30", "-test.timeout=5m", "-test.run=" + pattern}, args...)...)
	cmd.Dir = filepath.Join("testdata", "shop") // as go test does
	cmd.Env = append(os.Environ(), "SHOP_MAIN="+main)
	r, err := gotest.Run(cmd)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// failed returns the tests that failed, without their parents.
func failed(r gotest.Result) (names []string) {
	for name := range r.Names() {
		inner := false
		for other := range r.Names() {
			inner = inner || strings.HasPrefix(other, name+"/")
		}
		if !inner {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestLeaksAreBlamed(t *testing.T) {
	t.Parallel()
	r := runShop(t, "none", "^(TestLeakSerial|TestLeakOf|TestLeakThenFatal|TestLeakWithout|TestLeakTwice|TestLeakByTimer|TestInside)")
	want := []string{
		"TestInsideParallel1", "TestLeakByTimer", "TestLeakOfPlainSubtest", "TestLeakOfSubtest/leaks", "TestLeakSerial",
		"TestLeakThenFatal", "TestLeakTwiceWithoutLabel/leaks", "TestLeakWithoutLabel",
	}
	if got := failed(r); !slices.Equal(got, want) {
		t.Fatalf("failed: %q, want %q\n%s", got, want, r.All)
	}
	for _, name := range want {
		if out := r.Tests[name].Output; !strings.Contains(out, name+" left 1 goroutine behind") || strings.Count(out, "goroutine waits in chan receive") != 1 {
			t.Errorf("%s: it says\n%s", name, out)
		}
		if out, unlabelled := r.Tests[name].Output, strings.Contains(name, "Without") || strings.Contains(name, "Timer") || strings.Contains(name, "Inside"); strings.Contains(out, "no label: timers") != unlabelled {
			t.Errorf("%s: it says\n%s", name, out)
		}
	}
	for _, parent := range []string{"TestLeakOfSubtest", "TestLeakTwiceWithoutLabel"} {
		if out := r.Tests[parent].Output; strings.Contains(out, "behind") {
			t.Errorf("%s is blamed for its subtest's leak:\n%s", parent, out)
		}
	}
}

func TestLeaksAreBlamedInParallel(t *testing.T) {
	t.Parallel()
	r := runShop(t, "none", "^(TestLeakParallel|TestLeakThenParallel)$")
	want := []string{"TestLeakThenParallel"}
	for i := 0; i < 30; i += 3 {
		want = append(want, "TestLeakParallel/"+string(rune('A'+i)))
	}
	slices.Sort(want)
	if got := failed(r); !slices.Equal(got, want) {
		t.Fatalf("failed: %q, want %q\n%s", got, want, r.All)
	}
	for _, name := range want {
		if out := r.Tests[name].Output; !strings.Contains(out, name+" left 2 goroutines behind") || !strings.Contains(out, "shop.wait (") {
			t.Errorf("%s: it says\n%s", name, out)
		}
	}
}

func TestHealthyTestsPass(t *testing.T) {
	t.Parallel()
	r := runShop(t, "healthy", "Healthy", "-test.count=2", "-test.cpu=1,4", "-test.shuffle=on", "-test.bench=Healthy", "-test.benchtime=10x")
	if r.Failed || len(r.Tests) < 10 {
		t.Errorf("%d tests, failed: %q\n%s", len(r.Tests), failed(r), r.All)
	}
}

func TestPanicOfATestIsSeen(t *testing.T) {
	t.Parallel()
	r := runShop(t, "", "TestLeakThenPanic")
	if !strings.Contains(r.All, "panic: panics") || !strings.Contains(r.All, "TestLeakThenPanic left 1 goroutine behind") {
		t.Errorf("it says\n%s", r.All)
	}
}

func TestMisuseFails(t *testing.T) {
	t.Parallel()
	r := runShop(t, "none", "TestMisuse")
	says := map[string]string{
		"Defer":           "called by a defer statement",
		"DeferWithReturn": "called by a defer statement",
		"DeferOneLine":    "called by a defer statement",
		"DeferThenFatal":  "called by a defer statement",
		"DeferredHelper":  "called by a defer statement",
		"Cleanup":         "called from a Cleanup",
		"Twice":           "called twice in one test",
		"Goroutine":       "called on another goroutine than the test's",
		"Option":          "VerifyNone: the option FullMemProfile applies only to Main",
	}
	if len(r.Tests) != len(says) {
		t.Errorf("tests: %q", slices.Sorted(maps.Keys(r.Tests)))
	}
	for name, want := range says {
		test := r.Tests["TestMisuse"+name]
		if test == nil || test.Failed != 1 || !strings.Contains(test.Output, want) {
			t.Errorf("%s: want %q, got %+v", name, want, test)
		}
	}
}

// TestUnlabelledInParallel expects that no test is blamed for what cannot be known.
func TestUnlabelledInParallel(t *testing.T) {
	t.Parallel()
	r := runShop(t, "", "^(TestUnlabelledParallel|TestUnlabelledBesidePlain)$")
	if got := failed(r); !slices.Equal(got, []string{"TestUnlabelledBesidePlain/verified"}) {
		t.Errorf("failed: %q\n%s", got, r.All)
	}
	if out := r.Tests["TestUnlabelledBesidePlain/verified"].Output; !strings.Contains(out, "left 1 goroutine") {
		t.Errorf("the test with a leak of its own is blamed for another's:\n%s", out)
	}
	r = runShop(t, "", "^TestUnlabelledParallel$")
	if !r.Failed || len(failed(r)) != 0 {
		t.Fatalf("failed: %v, %q", r.Failed, failed(r))
	}
	for _, want := range []string{"2 goroutines are left behind", "2 goroutines are unattributed"} {
		if !strings.Contains(r.Output, want) {
			t.Errorf("want %q in\n%s", want, r.Output)
		}
	}
}

func TestMainSaysWhichTest(t *testing.T) {
	t.Parallel()
	r := runShop(t, "", "^(TestLeakPlain|TestLeakPlainOther|ExampleLeak|FuzzLeak)$", "-test.bench=BenchmarkLeak", "-test.benchtime=1x")
	if !r.Failed || len(failed(r)) != 0 {
		t.Fatalf("failed: %v, %q\n%s", r.Failed, failed(r), r.All)
	}
	for _, want := range []string{
		"guardtest: the tests pass, but 6 goroutines are left behind",
		"6 goroutines wait in chan receive",
		"tests    5: BenchmarkLeak, ExampleLeak, FuzzLeak, TestLeakPlain, TestLeakPlainOther\n",
	} {
		if !strings.Contains(r.Output, want) {
			t.Errorf("want %q in\n%s", want, r.Output)
		}
	}
	if strings.Contains(r.Output, "unattributed") {
		t.Errorf("all are known:\n%s", r.Output)
	}
}

func TestMainNamesSubtests(t *testing.T) {
	t.Parallel()
	r := runShop(t, "", "^(TestLeakInSubtests|TestLeakInEither)$")
	for _, want := range []string{
		"tests    2: TestLeakInEither, TestLeakInSubtests/by_helper\n", // one place
		"test     TestLeakInSubtests/direct/…\n",
	} {
		if !r.Failed || !strings.Contains(r.Output, want) {
			t.Errorf("want %q in\n%s", want, r.Output)
		}
	}
}

func TestMainOnDeepStacks(t *testing.T) {
	t.Parallel()
	r := runShop(t, "goleak ignores", "^(TestLeakDeep|TestLeakPlainOther)$")
	for _, want := range []string{"test     TestLeakDeep", "test     TestLeakPlainOther", "goleak was asked as well but panicked", "Its options therefore have no effect"} {
		if !r.Failed || !strings.Contains(r.Output, want) {
			t.Errorf("want %q in\n%s", want, r.Output)
		}
	}
}

func TestMainOptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		main, pattern, says string
		fails               bool
	}{
		{"goleak ignores", "^TestLeakPlain$", "", false},
		{"ignores", "^TestLeakPlain$", "", false},
		{"goleak ignores", "^(TestLeakPlain|TestLeakDirect)$", "1 goroutine is left behind", true},
		{"before", "^TestHealthyFuncLiteral$", "", false},
		{"before", "^TestLeakPlainOther$", "1 goroutine is left behind", true},
		{"profile", "^TestProfileRate$", "rate 1\n", false},
		{"", "^TestProfileRate$", "rate 524288\n", false},
	} {
		r := runShop(t, tt.main, tt.pattern)
		if r.Failed != tt.fails || !strings.Contains(r.All, tt.says) {
			t.Errorf("%s, %s: failed is %v, want %v and %q in\n%s", tt.main, tt.pattern, r.Failed, tt.fails, tt.says, r.All)
		}
	}
}

func TestMainRefusesGoleaksCleanup(t *testing.T) {
	t.Parallel()
	bin, err := shop()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "-test.v")
	cmd.Env = append(os.Environ(), "SHOP_MAIN=cleanup")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 2 || !strings.HasPrefix(string(out), "guardtest: Main: the option WithGoleak: goleak rejects it") || strings.Contains(string(out), "RUN") {
		t.Errorf("%v:\n%s", err, out)
	}
}
