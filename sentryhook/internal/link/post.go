package link

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/internal/retryafter"
	"github.com/leakguard/leakguard/sentryhook/internal/envelope"
	"github.com/leakguard/leakguard/sentryhook/internal/receipt"
)

const (
	// attemptTimeout is how long one attempt to deliver may take.
	attemptTimeout = 10 * time.Second
	// drained is how many bytes of an answer are read, so that the connection can
	// be used again.
	drained = 16 << 10

	sdkName = "sentry.go"
)

// envelopeHeader is the first line of an envelope; see
// https://develop.sentry.dev/sdk/data-model/envelopes/.
func (l *Link) envelopeHeader(id sentry.EventID) map[string]any {
	return map[string]any{
		"event_id": id, "sent_at": time.Now().UTC().Format(time.RFC3339Nano), "dsn": l.dsn.String(),
		"sdk": map[string]string{"name": sdkName, "version": sentry.SDKVersion},
	}
}

// eventEnvelope returns an envelope with an event.
func (l *Link) eventEnvelope(e *sentry.Event) ([]byte, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("the event: %w", err)
	}
	return envelope.Encode(l.envelopeHeader(e.EventID), map[string]any{"type": "event", "length": len(body), "content_type": "application/json"}, body), nil
}

// attachmentEnvelope returns an envelope with an attachment of an event that was sent
// before.
func (l *Link) attachmentEnvelope(id sentry.EventID, a *sentry.Attachment) []byte {
	return envelope.Encode(l.envelopeHeader(id), map[string]any{
		"type": "attachment", "attachment_type": "event.attachment",
		"length": len(a.Payload), "filename": a.Filename, "content_type": a.ContentType,
	}, a.Payload)
}

// RefusedError is an answer of the server other than 2xx.
type RefusedError struct {
	status int
	after  time.Duration // how long the server asks us to wait
	text   string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the server answered %d %s: %q", e.status, http.StatusText(e.status), e.text)
}

// ForGood reports whether the server would refuse the same body again, as too large or
// malformed.
func (e *RefusedError) ForGood() bool {
	return e.status == http.StatusRequestEntityTooLarge || e.status == http.StatusBadRequest
}

// again reports whether another attempt may succeed.
func (e *RefusedError) again() bool {
	return e.status >= 500 || e.status == http.StatusTooManyRequests || e.status == http.StatusRequestTimeout
}

// LeftOutError says that the server accepted an envelope, and that a sentryhook.Transport
// on the way had left the attachment out of it.
type LeftOutError struct {
	// Refused says that the server had refused the attachment before, for its size.
	Refused bool
}

func (e *LeftOutError) Error() string {
	if e.Refused {
		return "the server refused it as too large"
	}
	return "it is over the budget of the transport"
}

// deliver delivers an envelope, in several attempts if needed. The folder is where its
// attachments are on this machine.
func (l *Link) deliver(ctx context.Context, body []byte, folder string) error {
	for attempt := 0; ; attempt++ {
		err := l.post(ctx, body, folder)
		var left *LeftOutError
		if err == nil || errors.As(err, &left) {
			return err
		}
		wait := time.Duration(0)
		var refused *RefusedError
		if errors.As(err, &refused) {
			if !refused.again() {
				return err
			}
			wait = refused.after
		}
		if attempt == len(l.backoff) {
			return fmt.Errorf("%w (attempt %d)", err, attempt+1)
		}
		wait = max(wait, l.backoff[attempt])
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

// post makes one attempt to deliver an envelope.
func (l *Link) post(ctx context.Context, body []byte, folder string) error {
	if left := l.pause(); left > 0 {
		return &RefusedError{status: http.StatusTooManyRequests, after: left, text: "it has asked us to wait"}
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	arrived := &receipt.Receipt{Folder: folder}
	ctx = receipt.With(ctx, arrived)
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
		if n, refused := arrived.LeftOut(); n > 0 {
			return &LeftOutError{refused}
		}
		return nil
	}
	after, _ := retryafter.Parse(answer.Header.Get("Retry-After"), time.Now())
	if answer.StatusCode == http.StatusTooManyRequests {
		l.mu.Lock()
		l.paused = time.Now().Add(after)
		l.mu.Unlock()
	}
	return &RefusedError{status: answer.StatusCode, after: after, text: beginning(text)}
}

// pause returns how much longer the server has asked us to wait.
func (l *Link) pause() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Until(l.paused)
}

// beginning returns the first 200 bytes of an answer, which Error quotes.
func beginning(text []byte) string {
	const most = 200
	text = bytes.TrimSpace(text)
	if len(text) > most {
		return string(text[:most]) + "..."
	}
	return string(text)
}
