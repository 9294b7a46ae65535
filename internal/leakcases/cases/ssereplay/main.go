// https://github.com/r3labs/sse/issues/169: the stream keeps every event for
// the replay, as long as it lives.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"example.com/leakcases/cases/ssereplay/feed"
	"example.com/leakcases/service"
)

func main() {
	body := bytes.Repeat([]byte("0123456789abcdef"), 36<<10/16)
	f := feed.New()
	service.Main(service.Case{
		Rate: 150, Slow: 12,
		Setup: func(mux *http.ServeMux, _ string) {
			mux.Handle("GET /events", f)
			mux.HandleFunc("POST /boards/{board}", func(w http.ResponseWriter, r *http.Request) {
				change, err := io.ReadAll(r.Body)
				if err != nil {
					http.Error(w, err.Error(), http.StatusBadRequest)
					return
				}
				f.Publish(r.PathValue("board"), change)
				w.WriteHeader(http.StatusAccepted)
			})
		},
		Client: func(base string, i int) {
			service.Do("POST", fmt.Sprintf("%s/boards/b%d", base, i%7), bytes.NewReader(body))
		},
		Relieve: f.Forget,
	})
}
