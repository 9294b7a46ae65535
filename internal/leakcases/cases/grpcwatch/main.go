// https://github.com/xuperchain/xuperchain/pull/737: a client stream is opened,
// read once and left; it needs to be read to its end or cancelled.
package main

import (
	"fmt"
	"net"
	"net/http"

	"example.com/leakcases/cases/grpcwatch/readiness"
	"example.com/leakcases/service"
	"github.com/go-chi/chi/v5/middleware"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	pb "google.golang.org/grpc/health/grpc_health_v1"
)

func main() {
	var c *readiness.Client
	service.Main(service.Case{
		Rate: 190, Slow: 8, Limit: 96 << 20,
		ChildUp: func() string {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				panic(err)
			}
			s := grpc.NewServer()
			pb.RegisterHealthServer(s, health.NewServer())
			go s.Serve(ln)
			return ln.Addr().String()
		},
		Setup: func(mux *http.ServeMux, upstream string) {
			var err error
			if c, err = readiness.Dial(upstream); err != nil {
				panic(err)
			}
			mux.HandleFunc("GET /ready", func(w http.ResponseWriter, r *http.Request) {
				for _, backend := range []string{"", "stock", "prices"} {
					if s, err := c.Status(backend); err != nil || s == pb.HealthCheckResponse_NOT_SERVING {
						http.Error(w, fmt.Sprint(s, err), http.StatusServiceUnavailable)
						return
					}
				}
			})
		},
		Wrap:    func(next http.Handler) http.Handler { return middleware.Recoverer(middleware.NoCache(next)) },
		Relieve: func() { c.Close() },
		Client:  func(base string, i int) { service.Get(base + "/ready") },
	})
}
