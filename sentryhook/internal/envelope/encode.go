package envelope

import (
	"bytes"
	"encoding/json"
)

// Encode returns an envelope with one item. The headers must consist of what JSON can
// express; the item's has to tell its type and the body's length.
func Encode(header, item map[string]any, body []byte) []byte {
	var b bytes.Buffer
	b.Grow(len(body) + 1<<10)
	enc := json.NewEncoder(&b) // ends each value with a newline
	_ = enc.Encode(header)     // strings and numbers cannot fail
	_ = enc.Encode(item)
	b.Write(body)
	b.WriteByte('\n')
	return b.Bytes()
}
