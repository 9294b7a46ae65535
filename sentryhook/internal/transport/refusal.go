package transport

import (
	"bytes"
	"io"
	"net/http"
)

// refusedForSize reports whether a response says that the body was too large: 413, or
// 400 with words to that effect, which older relays send. The caller can still read
// the whole response.
func refusedForSize(r *http.Response) bool {
	switch r.StatusCode {
	case http.StatusRequestEntityTooLarge:
		return true
	case http.StatusBadRequest:
	default:
		return false
	}
	said, err := io.ReadAll(io.LimitReader(r.Body, 4<<10))
	rest := io.Reader(r.Body)
	if err != nil {
		rest = failingReader{err}
	}
	r.Body = &resumedBody{io.MultiReader(bytes.NewReader(said), rest), r.Body}
	said = bytes.ToLower(said)
	for _, words := range []string{"too large", "too_large", "size limit", "maximum size", "exceeds size", "too big", "overflow"} {
		if bytes.Contains(said, []byte(words)) {
			return true
		}
	}
	return false
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }
