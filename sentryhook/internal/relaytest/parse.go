package relaytest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Item is an item of an envelope.
type Item struct {
	EventID  string `json:"-"` // of the envelope
	Type     string `json:"type"`
	Length   *int   `json:"length"`
	Filename string `json:"filename"`
	MIME     string `json:"content_type"`
	Body     []byte `json:"-"`
}

// Find returns the payload of the first item of a type, or nil.
func Find(items []Item, kind string) []byte {
	for _, item := range items {
		if item.Type == kind {
			return item.Body
		}
	}
	return nil
}

// Parse takes an envelope apart, with encoding/json and independently of the code
// under test.
func Parse(body []byte) (items []Item, err error) {
	line := func() []byte {
		l, rest, _ := bytes.Cut(body, []byte("\n"))
		body = rest
		return l
	}
	header := line()
	var envelope struct {
		EventID string `json:"event_id"`
	}
	if err := json.Unmarshal(header, &envelope); err != nil || header[0] != '{' {
		return nil, fmt.Errorf("envelope header: %w", err)
	}
	for len(bytes.Trim(body, "\n")) > 0 {
		item := Item{EventID: envelope.EventID}
		if err := json.Unmarshal(line(), &item); err != nil || item.Type == "" {
			return nil, fmt.Errorf("item header: %w", err)
		}
		if item.Length == nil {
			item.Body = line()
		} else {
			if *item.Length < 0 || *item.Length > len(body) {
				return nil, errors.New("unexpected end")
			}
			item.Body, body = body[:*item.Length], body[*item.Length:]
			if len(body) > 0 && body[0] != '\n' {
				return nil, errors.New("missing newline")
			}
			body = bytes.TrimPrefix(body, []byte("\n"))
		}
		items = append(items, item)
	}
	return items, nil
}
