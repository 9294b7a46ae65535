// https://github.com/go-kit/kit/issues/906: the client's factory dials, and the
// service calls the factory for each request and drops what would close it.
package main

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"example.com/leakcases/cases/grpcfactory/ledger"
	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	pb "google.golang.org/grpc/health/grpc_health_v1"
)

func serveLedger() string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	s := grpc.NewServer()
	h := health.NewServer()
	h.SetServingStatus("account", pb.HealthCheckResponse_SERVING)
	pb.RegisterHealthServer(s, h)
	go s.Serve(ln)
	return ln.Addr().String()
}

func balance(s *ledger.Service) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for range 2 { // before and after
			b, err := s.Balance(r.Context(), "account")
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			fmt.Fprintln(w, r.PathValue("id"), b)
		}
	}
}

func main() {
	service.Main(service.Case{
		Limit: 152 << 20, Rate: 60, Slow: 2,
		ChildUp: serveLedger,
		Setup: func(mux *http.ServeMux, upstream string) {
			stock.Open(mux, 12, 20*time.Second)
			mux.Handle("GET /balance/{id}", balance(ledger.NewService(ledger.Balance(5*time.Second), upstream)))
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.Recover, layers.AccessLog, layers.RequestID)
		},
		Client: func(base string, i int) {
			service.Get(fmt.Sprintf("%s/balance/acc%d", base, i))
			service.Get(fmt.Sprintf("%s/product/%d", base, i))
		},
	})
}
