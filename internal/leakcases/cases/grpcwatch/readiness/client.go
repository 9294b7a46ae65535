// Package readiness asks backends whether they are ready.
package readiness

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/health/grpc_health_v1"
)

// Client has one connection for all backends.
type Client struct {
	conn   *grpc.ClientConn
	health pb.HealthClient
}

// Dial connects.
func Dial(target string) (*Client, error) {
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("readiness: %w", err)
	}
	return &Client{conn, pb.NewHealthClient(conn)}, nil
}

// Status returns the present state of a backend.
func (c *Client) Status(backend string) (pb.HealthCheckResponse_ServingStatus, error) {
	stream, err := c.health.Watch(context.Background(), &pb.HealthCheckRequest{Service: backend})
	if err != nil {
		return 0, fmt.Errorf("readiness: %s: %w", backend, err)
	}
	first, err := stream.Recv()
	if err != nil {
		return 0, fmt.Errorf("readiness: %s: %w", backend, err)
	}
	return first.Status, nil
}

// Close closes the connection, and with it all streams.
func (c *Client) Close() error { return c.conn.Close() }
