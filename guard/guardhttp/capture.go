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
	// Warning says which evidence was lost, if any.
	Warning string `json:"warning,omitempty"`
}

const (
	// bodyAnswer is the time for a small answer and for the rest of the request.
	bodyAnswer = 5 * time.Second
	// longestCapture is the time for a capture, which may have to wait for another.
	longestCapture = 2 * time.Minute
)

// capture runs a manual capture.
func (h *handler) capture(w http.ResponseWriter, r *http.Request) {
	// The body is ignored, but the server reads up to 256 KB of it before it answers.
	// Limit the time for that.
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
		later(w, http.StatusTooManyRequests, after, "not captured: another capture is running or has just ended")
		return
	}
	defer func() { h.captures.end(time.Now()) }()
	// HTTP/2 resets the stream as soon as the deadline passes, even if nothing is written.
	setWriteDeadline(w, longestCapture+bodyAnswer)
	// The capture goes on if the client disconnects, because half a capture is useless.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), longestCapture)
	defer cancel()
	i, err := h.g.Capture(ctx, "requested over HTTP")
	setDeadlines(w, bodyAnswer)
	switch {
	case errors.Is(err, guard.ErrBusy):
		later(w, http.StatusTooManyRequests, 5*time.Second, "not captured: the guard is already capturing evidence")
	case errors.Is(err, guard.ErrClosed):
		http.Error(w, "guardhttp: not captured: the guard is closed", http.StatusServiceUnavailable)
	case err != nil && (i.ID == "" || i.Folder == ""):
		// The error may contain the folder's path, which a client that is allowed to
		// capture may see.
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

// profile takes a profile for go tool pprof and does not save it.
func (h *handler) profile(w http.ResponseWriter, r *http.Request, name string) {
	kind := profile.Heap
	if name == profile.Goroutine.String() {
		kind = profile.Goroutine
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.pb.gz"`)
	if r.Method == http.MethodHead {
		return // do not take a profile that is not sent
	}
	refuse := func(status int, after time.Duration, why string) {
		w.Header().Del("Content-Disposition")
		later(w, status, after, why)
	}
	release, ok := h.downloads.take()
	if !ok {
		refuse(http.StatusServiceUnavailable, 2*time.Second, "too many downloads are running")
		return
	}
	defer release()
	setWriteDeadline(w, longestCapture)
	begun, after := h.profiles.begin(time.Now())
	if !begun {
		refuse(http.StatusTooManyRequests, after, "no profile: another one is being taken or has just been taken")
		return
	}
	snapshot := h.g.Snapshot()
	var b bytes.Buffer
	err := affordable(&snapshot, budget.PredictCapture(kind, readingOf(&snapshot)))
	if err == nil {
		err = profile.Capture(&b, kind)
	}
	// End here and not after the write, so that a slow client does not delay others.
	h.profiles.end(time.Now())
	if err != nil {
		refuse(http.StatusServiceUnavailable, 10*time.Second, "no profile: "+err.Error())
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	setDeadlines(w, shortAnswer+time.Duration(b.Len()/slowestDownload)*time.Second)
	// An error means that the client has disconnected.
	_, _ = w.Write(b.Bytes())
}

func readingOf(s *guard.Snapshot) *incident.Reading {
	if s.Reading.Time.IsZero() {
		r := incident.NewReading(time.Time{})
		return &r
	}
	return &s.Reading
}

// affordable returns an error if a request would allocate more than a quarter of the
// memory left to the limit. GOMEMLIMIT is not considered, because the runtime lets
// garbage fill the heap up to a tight one.
func affordable(s *guard.Snapshot, predicted int64) error {
	if s.Limits.Kill <= 0 || !s.Reading.Unreclaimable.Known() {
		return nil
	}
	room := max(s.Limits.Kill-int64(s.Reading.Unreclaimable), 0)
	if predicted <= room/4 {
		return nil
	}
	return fmt.Errorf("it would need about %v, which is more than a quarter of the %v left to the limit", profile.Bytes(predicted), profile.Bytes(room))
}
