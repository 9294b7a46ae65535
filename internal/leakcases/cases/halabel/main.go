// https://github.com/cortexproject/cortex/pull/4739: the label of the cluster is a
// piece of the decoded request, and keeps all of it alive.
package main

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"example.com/leakcases/cases/halabel/distributor"
	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
	"github.com/golang/snappy"
)

func request(i int) []byte {
	var b bytes.Buffer
	for n := range 400 {
		fmt.Fprintf(&b, "{cluster=c-%d,__replica__=r1,__name__=http_requests_total,instance=10.0.%d.%d:9090,job=api,code=200} %d\n", i, n>>8, n&255, n)
	}
	return snappy.Encode(nil, b.Bytes())
}

func main() {
	d := distributor.New()
	service.Main(service.Case{
		Limit: 176 << 20, Rate: 220, Slow: 10,
		Setup: func(mux *http.ServeMux, _ string) {
			stock.Open(mux, 12, 20*time.Second)
			mux.HandleFunc("POST /api/v1/push", d.Handler)
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.Recover, layers.RequestID, layers.AccessLog, layers.Deadline(10*time.Second))
		},
		Client: func(base string, i int) {
			service.Do("POST", base+"/api/v1/push", bytes.NewReader(request(i)), "Content-Encoding", "snappy")
		},
		Relieve: d.Forget,
	})
}
