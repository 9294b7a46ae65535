package sentryhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/getsentry/sentry-go"
)

const (
	// attemptTimeout is how long one attempt to deliver may take.
	attemptTimeout = 10 * time.Second
	// drained is how much of an answer is read, so that the connection can be
	// used again.
	drained = 16 << 10

	sdkName = "sentry.go"
)

// envelopeHeader is the first line of an envelope; see
// https://develop.sentry.dev/sdk/data-model/envelopes/.
func envelopeHeader(l *link, id sentry.EventID) map[string]any {
	return map[string]any{
		"event_id": id, "sent_at": time.Now().UTC().Format(time.RFC3339Nano), "dsn": l.dsn.String(),
		"sdk": map[string]string{"name": sdkName, "version": sentry.SDKVersion},
	}
}

func eventEnvelope(l *link, e *sentry.Event) ([]byte, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("the event: %w", err)
	}
	return encodeEnvelope(envelopeHeader(l, e.EventID), map[string]any{"type": "event", "length": len(body), "content_type": "application/json"}, body), nil
}

func attachmentEnvelope(l *link, id sentry.EventID, a *sentry.Attachment) []byte {
	return encodeEnvelope(envelopeHeader(l, id), map[string]any{
		"type": "attachment", "attachment_type": "event.attachment",
		"length": len(a.Payload), "filename": a.Filename, "content_type": a.ContentType,
	}, a.Payload)
}

func encodeEnvelope(header, item map[string]any, body []byte) []byte {
	var b bytes.Buffer
	b.Grow(len(body) + 1<<10)
	enc := json.NewEncoder(&b) // ends each value with a newline
	_ = enc.Encode(header)     // strings and numbers cannot fail
	_ = enc.Encode(item)
	b.Write(body)
	b.WriteByte('\n')
	return b.Bytes()
}

// refusedError is an answer other than 2xx.
type refusedError struct {
	status int
	after  time.Duration // that the server asks to wait
	text   string
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("the server answered %d %s: %q", e.status, http.StatusText(e.status), e.text)
}

// forGood reports whether the same would be refused again, as too large or as
// malformed.
func (e *refusedError) forGood() bool {
	return e.status == http.StatusRequestEntityTooLarge || e.status == http.StatusBadRequest
}

// again reports whether another attempt may do better.
func (e *refusedError) again() bool {
	return e.status >= 500 || e.status == http.StatusTooManyRequests || e.status == http.StatusRequestTimeout
}

// post delivers an envelope, in several attempts if need be.
func (s *Sink) post(ctx context.Context, l *link, body []byte) error {
	for attempt := 0; ; attempt++ {
		err := l.post(ctx, body)
		if err == nil {
			return nil
		}
		wait := time.Duration(0)
		var refused *refusedError
		if errors.As(err, &refused) {
			if !refused.again() {
				return err
			}
			wait = refused.after
		}
		if attempt == len(s.backoff) {
			return fmt.Errorf("%w (attempt %d)", err, attempt+1)
		}
		wait = max(wait, s.backoff[attempt])
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
			return fmt.Errorf("%w (attempt %d, no time for another one)", err, attempt+1)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w (attempt %d, then %w)", err, attempt+1, ctx.Err())
		}
	}
}

func (l *link) post(ctx context.Context, body []byte) error {
	if left := l.pause(); left > 0 {
		return &refusedError{status: http.StatusTooManyRequests, after: left, text: "not asked again yet"}
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.dsn.GetAPIURL().String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	auth := fmt.Sprintf("Sentry sentry_version=7, sentry_client=%s/%s, sentry_key=%s", sdkName, sentry.SDKVersion, l.dsn.GetPublicKey())
	if secret := l.dsn.GetSecretKey(); secret != "" {
		auth += ", sentry_secret=" + secret
	}
	r.Header.Set("X-Sentry-Auth", auth)
	r.Header.Set("Content-Type", "application/x-sentry-envelope")
	r.Header.Set("User-Agent", sdkName+"/"+sentry.SDKVersion)
	answer, err := l.http.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, drained))
	if answer.StatusCode/100 == 2 {
		return nil
	}
	after := askedToWait(answer)
	if answer.StatusCode == http.StatusTooManyRequests {
		l.mu.Lock()
		l.paused = time.Now().Add(after)
		l.mu.Unlock()
	}
	return &refusedError{status: answer.StatusCode, after: after, text: oneLine(string(text), 200)}
}

// pause is for how long the server still wants nothing.
func (l *link) pause() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Until(l.paused)
}

// askedToWait is how long a server asks to wait, in seconds as Relay says it.
func askedToWait(r *http.Response) time.Duration {
	seconds, err := strconv.Atoi(r.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, 24*60*60)) * time.Second
}
