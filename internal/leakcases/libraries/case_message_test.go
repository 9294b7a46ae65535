package libraries

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/segmentio/kafka-go"
)

func TestNATSServer(t *testing.T) {
	t.Parallel()
	verify(t)
	server, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	atEnd(t, func() { server.Shutdown(); server.WaitForShutdown() })
	if !server.ReadyForConnections(30 * time.Second) {
		t.Fatal("the server does not start")
	}
}

func TestNATS(t *testing.T) {
	t.Parallel()
	server, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(func() { server.Shutdown(); server.WaitForShutdown() })
	if !server.ReadyForConnections(30 * time.Second) {
		t.Fatal("the server does not start")
	}
	verify(t)
	conn, err := nats.Connect(server.ClientURL(), nats.Name("libraries"))
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, conn.Close)
	got := make(chan string, 1)
	if _, err := conn.Subscribe("news", func(m *nats.Msg) { got <- string(m.Data) }); err != nil {
		t.Fatal(err)
	}
	if err := conn.Publish("news", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	<-got
}

func TestKafka(t *testing.T) {
	t.Parallel()
	broker := startSilent(t)
	verify(t)
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{broker}, Topic: "news", MaxWait: 10 * time.Millisecond})
	atEnd(t, func() { reader.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := reader.ReadMessage(ctx); err == nil {
		t.Fatal("a message of a broker that says nothing")
	}
}

// startSilent starts a server that reads and never answers, and returns its address.
func startSilent(t *testing.T) string {
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
			go func() {
				defer conn.Close()
				io.Copy(io.Discard, conn)
			}()
		}
	}()
	return listener.Addr().String()
}

func TestMemberlist(t *testing.T) {
	t.Parallel()
	verify(t)
	config := memberlist.DefaultLocalConfig()
	config.BindAddr, config.BindPort, config.LogOutput = "127.0.0.1", 0, io.Discard
	list, err := memberlist.Create(config)
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, func() { list.Shutdown() })
	if n := list.NumMembers(); n != 1 {
		t.Fatalf("%d members", n)
	}
}
