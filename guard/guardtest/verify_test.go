package guardtest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// fakeT is a test that may fail without failing the test that observes it.
type fakeT struct {
	name     string
	errors   []string
	cleanups []func()
}

func (t *fakeT) Helper()      {}
func (t *fakeT) Name() string { return t.name }
func (t *fakeT) Errorf(format string, args ...any) {
	t.errors = append(t.errors, fmt.Sprintf(format, args...))
}
func (t *fakeT) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

// end runs the cleanups as testing does, and returns what was reported.
func (t *fakeT) end() string {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
	t.cleanups = nil
	return strings.Join(t.errors, "\n")
}

func TestVerifyNoneFindsALeak(t *testing.T) {
	block := make(chan int)
	fake := &fakeT{name: "TestFake"}
	VerifyNone(fake, Patience(10*time.Millisecond))
	go func() { <-block }()
	if got := fake.end(); !strings.Contains(got, "TestVerifyNoneFindsALeak.func1") {
		t.Errorf("got %q", got)
	}
	close(block)
}

func TestVerifyNonePasses(t *testing.T) {
	fake := &fakeT{name: "TestFake"}
	VerifyNone(fake)
	done := make(chan int)
	go func() { time.Sleep(20 * time.Millisecond); close(done) }()
	if got := fake.end(); got != "" {
		t.Errorf("got %q", got)
	}
	<-done
}

// A request that ends after its test makes its connection idle only then.
func TestVerifyNoneClosesWhatBecomesIdle(t *testing.T) {
	release := make(chan int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { <-release; io.WriteString(w, "ok") }))
	defer server.Close()
	fake := &fakeT{name: "TestFake"}
	VerifyNone(fake, Patience(30*time.Second))
	done := make(chan int)
	go func() { defer close(done); fetch(t, server.URL) }()
	time.AfterFunc(50*time.Millisecond, func() { close(release) })
	if got := fake.end(); got != "" {
		t.Errorf("got:\n%s", got)
	}
	<-done
}

// fetch leaves an idle connection of http.DefaultTransport.
func fetch(t *testing.T, url string) {
	r, err := http.Get(url)
	if err != nil {
		t.Error(err)
		return
	}
	defer r.Body.Close()
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		t.Error(err)
	}
}
