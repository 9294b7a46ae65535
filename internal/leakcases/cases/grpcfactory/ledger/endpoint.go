// Package ledger calls the ledger over gRPC.
package ledger

import (
	"context"
	"io"
	"log/slog"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/health/grpc_health_v1"
)

// Endpoint is one remote call.
type Endpoint func(ctx context.Context, request any) (any, error)

// Factory makes the endpoint of an instance, and what closes it.
type Factory func(instance string) (Endpoint, io.Closer, error)

// Balance returns a factory of the endpoint that asks for a balance.
func Balance(timeout time.Duration) Factory {
	return func(instance string) (Endpoint, io.Closer, error) {
		conn, err := grpc.NewClient(instance, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, nil, err
		}
		client := pb.NewHealthClient(conn)
		return func(ctx context.Context, request any) (any, error) {
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			return client.Check(ctx, &pb.HealthCheckRequest{Service: request.(string)})
		}, conn, nil
	}
}

// Service asks the ledger.
type Service struct {
	instances []string
	factory   Factory
}

// NewService returns a service on the instances.
func NewService(f Factory, instances ...string) *Service { return &Service{instances, f} }

// Balance of an account.
func (s *Service) Balance(ctx context.Context, account string) (string, error) {
	call, _, err := s.factory(s.instances[len(account)%len(s.instances)])
	if err != nil {
		return "", err
	}
	resp, err := call(ctx, account)
	if err != nil {
		slog.Debug("ledger", "account", account, "err", err)
		return "", err
	}
	return resp.(*pb.HealthCheckResponse).Status.String(), nil
}
