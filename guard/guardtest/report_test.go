package guardtest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// many returns leaks at n places, such as 10,000 remaining goroutines could have.
func many(n int) (leaks []leak) {
	for i := range n {
		leaks = append(leaks, leak{
			siteKey: siteKey{
				test: labelOf("TestShop", 1), wait: "chan receive", function: fmt.Sprintf("shop.wait%d", i), root: "shop.run",
				file: "report_test.go", line: 11,
			},
			count: n - i, standing: time.Second, proven: (n - i) / 2, cause: "nobody closes it",
			creator: creator{function: "shop.Start", at: "report_test.go:12", test: "TestShop"},
			via:     []string{"shop.serve"},
		})
	}
	return leaks
}

func TestReportIsBounded(t *testing.T) {
	for n := range 40 {
		r := report{title: "TestShop left some behind", leaks: many(n), notes: []string{"One.", "Two."}, byTest: true}.String()
		if lines := strings.Count(r, "\n") + 1; lines > 60 {
			t.Errorf("%d places make %d lines:\n%s", n, lines, r)
		}
		told := strings.Count(r, " in chan receive")
		if rest := n - told; rest > 0 && !strings.Contains(r, fmt.Sprintf("at %d other places", rest)) {
			t.Errorf("%d places, %d told:\n%s", n, told, r)
		}
		if strings.HasSuffix(r, "\n") {
			t.Errorf("ends with an empty line: %q", r)
		}
	}
}

func TestReportText(t *testing.T) {
	r := report{title: "TestShop left 5 goroutines behind", leaks: append(many(2), leak{siteKey: siteKey{wait: "running"}, count: 1}), byTest: true}
	want := `TestShop left 5 goroutines behind

  2 goroutines wait in chan receive, for at least 1 s
      test     TestShop
      at       shop.wait0 (report_test.go:11)
               func many(n int) (leaks []leak) {
      started  by shop.Start (report_test.go:12), as shop.run, through shop.serve
      likely   nobody closes it
      proof    the garbage collector proves that nothing can wake 1 of them any more

  1 goroutine waits in chan receive, for at least 1 s
      test     TestShop
      at       shop.wait1 (report_test.go:11)
               func many(n int) (leaks []leak) {
      started  by shop.Start (report_test.go:12), as shop.run, through shop.serve
      likely   nobody closes it

  1 goroutine is running
      test     unknown: call guardtest.VerifyNone in the tests that may have started it
      at       an unknown place`
	if got := r.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWaiting(t *testing.T) {
	for wait, want := range map[string]string{
		"sleep": "2 goroutines sleep", "running": "2 goroutines are running", "IO wait": "2 goroutines wait for I/O",
		"select": "2 goroutines wait in select", "syscall": "2 goroutines are in a system call", "waiting": "2 goroutines wait",
	} {
		if got := (leak{siteKey: siteKey{wait: wait}, count: 2}).waiting(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestTestOf(t *testing.T) {
	for function, want := range map[string]string{
		"github.com/acme/shop.TestServe":              "TestServe",
		"github.com/acme/shop.TestServe.func1.2":      "TestServe",
		"github.com/acme/shop_test.TestServe.gowrap1": "TestServe",
		"github.com/acme/shop.Test":                   "Test",
		"github.com/acme/shop.Test_serve.func1":       "Test_serve",
		"github.com/acme/shop.BenchmarkServe-fm":      "BenchmarkServe-fm",
		"github.com/acme/shop.ExampleServer_Close":    "ExampleServer_Close",
		"github.com/acme/shop.FuzzServe.func1":        "FuzzServe",
		"github.com/acme/shop.TestMain":               "",
		"github.com/acme/shop.Testify":                "",
		"github.com/acme/shop.(*Tester).Serve":        "",
		"github.com/acme/shop.newTest":                "",
	} {
		if got := testOf(function); got != want {
			t.Errorf("test of %s: %q, want %q", function, got, want)
		}
	}
}
