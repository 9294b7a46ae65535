package guardhttp

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard"
)

// Over HTTP/2 a write deadline that passes resets the stream, although nothing is being
// written: a capture that took longer than 5 s was answered with INTERNAL_ERROR.
func TestSlowCaptureOverHTTP2(t *testing.T) {
	t.Parallel()
	g := richGuard(t)
	g.capture = func(context.Context) (guard.Incident, error) {
		time.Sleep(bodyAnswer + 500*time.Millisecond)
		return guard.Incident{ID: "20261120T120000.000Z-manual-7f3a"}, nil
	}
	server := httptest.NewUnstartedServer(newHandler(g, true, Config{}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	r, err := http.NewRequest("POST", server.URL+"/capture", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(captureHeader, "1")
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || answer.ProtoMajor != 2 {
		t.Errorf("%s %s: %s, %v", answer.Proto, answer.Status, body, err)
	}
}

// No write deadline passes while a capture may still be waiting.
func TestCaptureHasNoDeadlineOfItsAnswer(t *testing.T) {
	g := richGuard(t)
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	var left time.Duration
	g.capture = func(context.Context) (guard.Incident, error) {
		left = time.Until(w.write[len(w.write)-1])
		return guard.Incident{ID: "20261120T120000.000Z-manual-7f3a"}, nil
	}
	r := httptest.NewRequest("POST", "/capture", nil)
	r.Header.Set(captureHeader, "1")
	newHandler(g, true, Config{}).ServeHTTP(w, r)
	if w.Code != http.StatusOK || left < longestCapture {
		t.Errorf("%d, %v to answer, want at least %v", w.Code, left, longestCapture)
	}
}
