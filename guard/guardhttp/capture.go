package guardhttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/guard/internal/budget"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// captured answers POST capture.
type captured struct {
	ID string `json:"id"`
	// Warning says what of the evidence was lost, if anything was.
	Warning string `json:"warning,omitempty"`
}

const (
	// bodyAnswer is how long a small answer may take, with what is left of the
	// request.
	bodyAnswer = 5 * time.Second
	// longestCapture is how long is waited for a capture, which may have to wait
	// for other evidence.
	longestCapture = 2 * time.Minute
)

// capture takes an incident by hand.
func (h *handler) capture(w http.ResponseWriter, r *http.Request) {
	// What is sent with it is of no interest. The server waits for it before it
	// answers, up to 256 KB of it; not for long.
	setDeadlines(w, bodyAnswer)
	if err := checkPost(r); err != nil {
		http.Error(w, "guardhttp: not captured: "+err.Error(), http.StatusForbidden)
		return
	}
	if !h.there {
		http.Error(w, "guardhttp: not captured: there is no guard in this process", http.StatusServiceUnavailable)
		return
	}
	ok, after := h.captures.begin(time.Now())
	if !ok {
		later(w, http.StatusTooManyRequests, after, "not captured: another capture is running or was just taken")
		return
	}
	defer func() { h.captures.end(time.Now()) }()
	// Whoever has asked may leave; half a capture is of use to nobody.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), longestCapture)
	defer cancel()
	i, err := h.g.Capture(ctx, "asked for over HTTP")
	setDeadlines(w, bodyAnswer)
	switch {
	case errors.Is(err, guard.ErrBusy):
		later(w, http.StatusTooManyRequests, 5*time.Second, "not captured: the guard is taking evidence already")
	case errors.Is(err, guard.ErrClosed):
		http.Error(w, "guardhttp: not captured: the guard is closed", http.StatusServiceUnavailable)
	case err != nil && (i.ID == "" || i.Folder == ""):
		// Where nothing could be kept the error says why, with the folder's
		// path, which whoever captures may know.
		http.Error(w, fmt.Sprintf("guardhttp: not captured: %v", err), http.StatusServiceUnavailable)
	default:
		c := captured{ID: i.ID}
		if err != nil {
			c.Warning = err.Error()
		}
		w.Header().Set("Content-Type", "application/json")
		writeJSON(w, c)
	}
}

// profile takes a profile for go tool pprof, and keeps nothing.
func (h *handler) profile(w http.ResponseWriter, r *http.Request, name string) {
	kind := profile.Heap
	if name == profile.Goroutine.String() {
		kind = profile.Goroutine
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.pb.gz"`)
	if r.Method == http.MethodHead {
		return // a profile costs something, and nobody would see it
	}
	refuse := func(status int, after time.Duration, why string) {
		w.Header().Del("Content-Disposition")
		later(w, status, after, why)
	}
	release, ok := h.downloads.take()
	if !ok {
		refuse(http.StatusServiceUnavailable, 2*time.Second, "too many files are being downloaded")
		return
	}
	defer release()
	begun, after := h.profiles.begin(time.Now())
	if !begun {
		refuse(http.StatusTooManyRequests, after, "no profile: another one is being taken or was just taken")
		return
	}
	snapshot := h.g.Snapshot()
	var b bytes.Buffer
	err := affordable(&snapshot, budget.PredictCapture(kind, readingOf(&snapshot)))
	if err == nil {
		err = profile.Capture(&b, kind)
	}
	// Not when it has been read: who reads slowly must not keep others waiting.
	h.profiles.end(time.Now())
	if err != nil {
		refuse(http.StatusServiceUnavailable, 10*time.Second, "no profile: "+err.Error())
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	setDeadlines(w, shortAnswer+time.Duration(b.Len()/slowestDownload)*time.Second)
	// An error is that nobody reads any more.
	_, _ = w.Write(b.Bytes())
}

func readingOf(s *guard.Snapshot) *incident.Reading {
	if s.Reading.Time.IsZero() {
		r := incident.NewReading(time.Time{})
		return &r
	}
	return &s.Reading
}

// affordable says why something must not be done that allocates so much: whoever
// looks must not be the last straw. GOMEMLIMIT is no bound for it: under a tight
// one the runtime lets garbage fill the heap up to there.
func affordable(s *guard.Snapshot, predicted int64) error {
	if s.Limits.Kill <= 0 || !s.Reading.Unreclaimable.Known() {
		return nil
	}
	room := max(s.Limits.Kill-int64(s.Reading.Unreclaimable), 0)
	if predicted <= room/4 {
		return nil
	}
	return fmt.Errorf("it would take about %v, and %v are left to the limit: no more than a quarter is spent on looking", profile.Bytes(predicted), profile.Bytes(room))
}
