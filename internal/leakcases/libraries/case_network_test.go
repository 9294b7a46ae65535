package libraries

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/quic-go/quic-go"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/test/bufconn"
)

func TestQUIC(t *testing.T) {
	t.Parallel()
	httpServer := httptest.NewTLSServer(nil)
	certificates := httpServer.TLS.Certificates
	httpServer.Close()
	listener, err := quic.ListenAddr("127.0.0.1:0", &tls.Config{Certificates: certificates, NextProtos: []string{"libraries"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	verify(t)
	conn, err := quic.DialAddr(t.Context(), listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"libraries"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, func() { conn.CloseWithError(0, "") })
}

func TestGRPC(t *testing.T) {
	t.Parallel()
	verify(t)
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go server.Serve(listener)
	atEnd(t, server.Stop)
	dial := func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }
	conn, err := grpc.NewClient("passthrough:bufconn", grpc.WithContextDialer(dial), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, func() { conn.Close() })
	if _, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
}

func TestFastHTTP(t *testing.T) {
	t.Parallel()
	verify(t)
	listener := fasthttputil.NewInmemoryListener()
	server := &fasthttp.Server{
		Handler:         func(ctx *fasthttp.RequestCtx) { ctx.WriteString("hello") },
		CloseOnShutdown: true, MaxIdleWorkerDuration: 50 * time.Millisecond,
	}
	go server.Serve(listener)
	atEnd(t, func() { server.Shutdown() })
	client := &fasthttp.HostClient{
		Addr: "libraries", MaxIdleConnDuration: 50 * time.Millisecond,
		Dial: func(string) (net.Conn, error) { return listener.Dial() },
	}
	atEnd(t, client.CloseIdleConnections)
	if _, body, err := client.Get(nil, "http://libraries/"); err != nil || string(body) != "hello" {
		t.Fatalf("%q: %v", body, err)
	}
}

func TestWebSocket(t *testing.T) {
	t.Parallel()
	verify(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		conn.ReadMessage()
	}))
	atEnd(t, server.Close)
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(server.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, func() { conn.Close() })
	go func() {
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				return
			}
		}
	}()
}
