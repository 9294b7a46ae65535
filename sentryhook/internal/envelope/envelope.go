package envelope

import (
	"bytes"
	"encoding/json"

	"github.com/leakguard/leakguard/sentryhook/internal/compact"
	"github.com/leakguard/leakguard/sentryhook/internal/jsonscan"
)

// What is understood; a larger envelope is passed on as it is. The SDKs send a handful of
// items. Their headers have 100 bytes usually, but the envelope's has the name of the
// transaction, which may come from a client and has six bytes for each '<'.
const (
	mostItems       = 256
	mostHeaderBytes = 1 << 20
)

// envelope says where the items of an envelope are, and what becomes of them. The
// format: https://develop.sentry.dev/sdk/data-model/envelopes/
type envelope struct {
	head  jsonscan.Span // the envelope's own header, with its newline
	items []item
	note  []byte // an item that is added, complete with its header; empty: none
}

// item is an item of an envelope.
type item struct {
	kind   string        // the item's type, such as 'profile'
	length jsonscan.Span // where the header has the payload's length; empty: nowhere
	name   string        // of an attachment

	header  jsonscan.Span // with its newline
	payload jsonscan.Span
	end     int // behind the newline after the payload, if there is one

	gone       bool
	noise      bool                // compression would not make the payload smaller
	compaction *compact.Compaction // of a profile that was understood, else nil
}

func (it *item) attachment() bool { return it.kind == "attachment" }

func (it *item) profile() bool { return it.kind == "profile" || it.kind == "profile_chunk" }

// alone reports whether the envelope consists of attachments: no event is lost with it.
func (e *envelope) alone() bool {
	for i := range e.items {
		if !e.items[i].attachment() {
			return false
		}
	}
	return len(e.items) > 0
}

// size is how many bytes the payload will have.
func (it *item) size() int64 {
	if it.compaction != nil {
		return int64(it.compaction.Size)
	}
	return int64(it.payload.Len())
}

// readEnvelope finds the items of an envelope. It reports false for anything that
// Relay would not take apart the same way.
func readEnvelope(p []byte) (e *envelope, ok bool) {
	e = &envelope{}
	head, ok := readLine(p, 0)
	if !ok || skipHeader(p, head) == jsonscan.Bad {
		return nil, false
	}
	e.head = head
	for i := head.End; i < len(p); {
		// Relay takes empty lines at the end.
		if p[i] == '\n' && len(bytes.TrimLeft(p[i:], "\n")) == 0 {
			break
		}
		it, ok := readItem(p, i)
		if !ok || len(e.items) == mostItems {
			return nil, false
		}
		e.items = append(e.items, it)
		i = it.end
	}
	return e, true
}

func readItem(p []byte, i int) (it item, ok bool) {
	if it.header, ok = readLine(p, i); !ok {
		return it, false
	}
	var length uint64
	h := p[:it.header.End]
	end := jsonscan.Members(h, jsonscan.SkipSpace(h, i), func(key []byte, _, v int) (next int) {
		next = jsonscan.SkipMember(h, key, v)
		if next == jsonscan.Bad {
			return jsonscan.Bad
		}
		switch string(key) {
		case "type":
			if it.kind != "" {
				return jsonscan.Bad
			}
			it.kind, ok = jsonscan.Text(h[v:next])
		case "filename":
			_ = json.Unmarshal(h[v:next], &it.name) // only the note shows it
		case "length":
			if string(h[v:next]) == "null" {
				return next
			}
			if it.length.Len() > 0 {
				return jsonscan.Bad
			}
			var end int
			if length, end = jsonscan.Uint(h, v); end != next {
				return jsonscan.Bad
			}
			it.length = jsonscan.Span{Start: v, End: next}
		}
		return next
	})
	if end == jsonscan.Bad || jsonscan.SkipSpace(h, end) != len(h) || it.kind == "" || !ok {
		return it, false
	}
	start := len(h)
	switch {
	case it.length.Len() == 0:
		n := bytes.IndexByte(p[start:], '\n')
		if n < 0 {
			n = len(p) - start
		}
		it.payload = jsonscan.Span{Start: start, End: start + n}
	case length > uint64(len(p)-start):
		return it, false
	default:
		it.payload = jsonscan.Span{Start: start, End: start + int(length)}
	}
	it.end = it.payload.End
	if it.end < len(p) {
		if p[it.end] != '\n' {
			return it, false
		}
		it.end++
	}
	return it, true
}

// readLine returns the line at i with its newline, which the last line may lack.
func readLine(p []byte, i int) (line jsonscan.Span, ok bool) {
	most := min(len(p)-i, mostHeaderBytes)
	n := bytes.IndexByte(p[i:i+most], '\n')
	if n >= 0 {
		return jsonscan.Span{Start: i, End: i + n + 1}, true
	}
	return jsonscan.Span{Start: i, End: len(p)}, most < mostHeaderBytes && most > 0
}

func skipHeader(p []byte, line jsonscan.Span) int {
	h := p[:line.End]
	end := jsonscan.Members(h, jsonscan.SkipSpace(h, line.Start), func(_ []byte, _, v int) int { return jsonscan.SkipValue(h, v) })
	if end != jsonscan.Bad && jsonscan.SkipSpace(h, end) != len(h) {
		return jsonscan.Bad
	}
	return end
}
