package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Relay's limits in decompressed bytes: the defaults of relay-config/src/config.rs
// (max_envelope_size, max_event_size, max_profile_size, max_attachment_size,
// max_attachments_size, max_attachment_count).
const (
	MaxEnvelope        = 200 << 20
	MaxEvent           = 1 << 20
	MaxProfile         = 50 << 20
	MaxAttachments     = 200 << 20 // for each, and for all of an envelope together
	MaxAttachmentCount = 30
)

// Item is one item of an envelope.
type Item struct {
	Type    string
	Name    string // file name of an attachment
	Bytes   int64
	Refused string   // why Relay would drop it after accepting the envelope; "" if it keeps it
	Profile *Profile // content of an accepted profile; nil for all other items

	payload []byte
}

// parseEnvelope splits an envelope into its items
// (https://develop.sentry.dev/sdk/data-model/envelopes/).
func parseEnvelope(p []byte) (id string, items []Item, err error) {
	line := func() []byte {
		before, after, _ := bytes.Cut(p, []byte("\n"))
		p = after
		return before
	}
	var header struct {
		EventID string `json:"event_id"`
	}
	if err := json.Unmarshal(line(), &header); err != nil {
		return "", nil, fmt.Errorf("envelope header: %w", err)
	}
	for len(p) > 0 {
		head := line()
		if len(head) == 0 { // empty lines between items are allowed
			continue
		}
		var h struct {
			Type     string `json:"type"`
			Length   *int   `json:"length"`
			Filename string `json:"filename"`
		}
		if err := json.Unmarshal(head, &h); err != nil {
			return "", nil, fmt.Errorf("header of item %d: %w", len(items), err)
		}
		if h.Type == "" {
			return "", nil, fmt.Errorf("header of item %d: no type", len(items))
		}
		it := Item{Type: h.Type, Name: h.Filename}
		if h.Length == nil {
			it.payload = line()
		} else {
			n := *h.Length
			if n < 0 || n > len(p) {
				return "", nil, fmt.Errorf("item %d declares %d bytes, but %d are left", len(items), n, len(p))
			}
			it.payload, p = p[:n], p[n:]
			if len(p) > 0 && p[0] != '\n' {
				return "", nil, fmt.Errorf("item %d has more than the %d bytes it declares", len(items), n)
			}
			p = bytes.TrimPrefix(p, []byte("\n"))
		}
		it.Bytes = int64(len(it.payload))
		items = append(items, it)
	}
	return header.EventID, items, nil
}

// checkSizes returns the reason to reject the whole envelope, if there is one.
func checkSizes(items []Item) error {
	type limit struct {
		bytes int64 // for one item, and for all together
		count int
	}
	limits := map[string]limit{
		"event":      {MaxEvent, 1},
		"profile":    {MaxProfile, 1},
		"attachment": {MaxAttachments, MaxAttachmentCount},
	}
	group := map[string]string{"transaction": "event", "profile_chunk": "profile"}
	for _, it := range items {
		kind := it.Type
		if g, ok := group[kind]; ok {
			kind = g
		}
		l, ok := limits[kind]
		if !ok {
			continue // sessions and such are small; unknown types are allowed
		}
		if it.Bytes > l.bytes || l.count == 0 {
			return tooLarge("envelope exceeded size limits for type '%s' (%d bytes)", it.Type, it.Bytes)
		}
		l.bytes -= it.Bytes
		l.count--
		limits[kind] = l
	}
	return nil
}

// look inspects the item and releases its bytes.
func (it *Item) look() {
	var err error
	switch it.Type {
	case "profile":
		it.Profile, err = checkProfile(it.payload)
	case "transaction":
		err = checkTransaction(it.payload)
	case "event":
		var event map[string]json.RawMessage
		err = json.Unmarshal(it.payload, &event)
	}
	if err != nil {
		it.Refused = err.Error()
	}
	it.payload = nil
}

// checkTransaction applies the checks of Relay's event normalization to a
// transaction.
func checkTransaction(p []byte) error {
	var tx struct {
		Type     string          `json:"type"`
		Start    json.RawMessage `json:"start_timestamp"`
		End      json.RawMessage `json:"timestamp"`
		Contexts struct {
			Trace struct {
				TraceID string `json:"trace_id"`
				SpanID  string `json:"span_id"`
			} `json:"trace"`
		} `json:"contexts"`
	}
	if err := json.Unmarshal(p, &tx); err != nil {
		return err
	}
	switch {
	case tx.Type != "transaction":
		return errors.New("type is not transaction")
	case len(tx.Start) == 0 || len(tx.End) == 0:
		return errors.New("no start_timestamp or timestamp")
	case len(tx.Contexts.Trace.TraceID) != 32 || len(tx.Contexts.Trace.SpanID) != 16:
		return errors.New("no trace context")
	}
	return nil
}
