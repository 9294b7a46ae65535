// https://github.com/mesg-foundation/engine/issues/189: when a listener's stream
// disconnects, nobody unsubscribes it.
package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"example.com/leakcases/cases/pubsubsub/feed"
	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
)

// listen connects, hears that the stream is there, and goes.
func listen(url string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		panic(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return
	}
	resp.Body.Read(make([]byte, 64))
	resp.Body.Close()
}

func main() {
	ctx, relieve := context.WithCancel(context.Background())
	f := feed.New(ctx)
	service.Main(service.Case{
		Limit: 160 << 20, Rate: 300, Slow: 20,
		Setup: func(mux *http.ServeMux, _ string) {
			stock.Open(mux, 12, 15*time.Second)
			mux.HandleFunc("GET /listen/{service}", f.ListenResult)
		},
		Start: func(ctx context.Context, _ int) {
			service.Every(ctx, 10, func(i int) {
				f.Publish(fmt.Sprint("svc", i%40), bytes.Repeat([]byte("x"), 2<<10))
			})
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.RequestID, layers.AccessLog, layers.Recover)
		},
		Client: func(base string, i int) {
			for range 2 {
				listen(fmt.Sprintf("%s/listen/svc%d", base, i%40))
			}
		},
		Relieve: relieve,
	})
}
