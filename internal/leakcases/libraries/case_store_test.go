package libraries

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/dgraph-io/ristretto/v2"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jellydator/ttlcache/v3"
	"github.com/redis/go-redis/v9"
)

func TestRedis(t *testing.T) {
	t.Parallel()
	server, err := miniredis.Run()
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, server.Close) // waits for its clients
	verify(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	atEnd(t, func() { client.Close() })
	sub := client.Subscribe(t.Context(), "news")
	atEnd(t, func() { sub.Close() })
	if _, err := sub.Receive(t.Context()); err != nil { // that it is subscribed
		t.Fatal(err)
	}
	news := sub.Channel()
	if err := client.Publish(t.Context(), "news", "hello").Err(); err != nil {
		t.Fatal(err)
	}
	<-news
}

func TestMiniredis(t *testing.T) {
	t.Parallel()
	verify(t)
	server, err := miniredis.Run()
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, server.Close)
	if err := server.Set("key", "value"); err != nil {
		t.Fatal(err)
	}
}

func TestPgx(t *testing.T) {
	t.Parallel()
	url := startPostgres(t)
	verify(t)
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, pool.Close)
	if err := pool.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// startPostgres starts a server that speaks as much of PostgreSQL's protocol as a ping
// needs, and returns its URL.
func startPostgres(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go servePostgres(conn)
		}
	}()
	return "postgres://user@" + listener.Addr().String() + "/db?sslmode=disable"
}

func servePostgres(conn net.Conn) {
	defer conn.Close()
	backend := pgproto3.NewBackend(conn, conn)
	if _, err := backend.ReceiveStartupMessage(); err != nil {
		return
	}
	backend.Send(&pgproto3.AuthenticationOk{})
	backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	for backend.Flush() == nil {
		message, err := backend.Receive()
		if err != nil {
			return
		}
		switch message.(type) {
		case *pgproto3.Query:
			backend.Send(&pgproto3.EmptyQueryResponse{})
			backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		case *pgproto3.Terminate:
			return
		}
	}
}

func TestRistretto(t *testing.T) {
	t.Parallel()
	verify(t)
	cache, err := ristretto.NewCache(&ristretto.Config[string, string]{NumCounters: 100, MaxCost: 10, BufferItems: 64})
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, cache.Close)
	cache.Set("key", "value", 1)
	cache.Wait()
}

func TestTTLCache(t *testing.T) {
	t.Parallel()
	verify(t)
	cache := ttlcache.New[string, string]()
	evicted := make(chan int)
	cache.OnEviction(func(context.Context, ttlcache.EvictionReason, *ttlcache.Item[string, string]) { close(evicted) })
	go cache.Start()
	atEnd(t, cache.Stop)
	cache.Set("key", "value", time.Millisecond)
	<-evicted // so it has started, without which Stop would do nothing
}
