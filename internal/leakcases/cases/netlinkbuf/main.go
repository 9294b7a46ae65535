// https://github.com/vishvananda/netlink/pull/414: each message is received into a
// buffer of 64 KiB, and what is parsed is a slice of it: who keeps a short message
// keeps the buffer.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"example.com/leakcases/cases/netlinkbuf/nl"
	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
)

const (
	newLink      = 16
	newNeighbour = 28
)

// neighbours is the table of hosts, which are at most some thousands.
type neighbours struct {
	mu   sync.RWMutex
	byIP map[string][]byte // the hardware address
}

func (t *neighbours) watch(ctx context.Context, addr string) {
	s, err := nl.Subscribe(addr)
	if err != nil {
		slog.Error("subscribe", "err", err)
		return
	}
	defer s.Close()
	for ctx.Err() == nil {
		messages, err := s.Receive()
		if err != nil {
			continue
		}
		for _, m := range messages {
			if m.Type == newNeighbour {
				t.update(m)
			}
		}
	}
}

func (t *neighbours) update(m nl.Message) {
	ip, mac, ok := bytes.Cut(m.Data, []byte(" "))
	if !ok {
		return
	}
	t.mu.Lock()
	t.byIP[string(ip)] = mac
	t.mu.Unlock()
}

func (t *neighbours) serve(w http.ResponseWriter, r *http.Request) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	json.NewEncoder(w).Encode(map[string]any{"hosts": len(t.byIP), "mac": string(t.byIP[r.PathValue("ip")])})
}

func (t *neighbours) flush() {
	t.mu.Lock()
	t.byIP = map[string][]byte{}
	t.mu.Unlock()
}

// kernel sends the links with their statistics and one of 16,000 hosts in turn.
func kernel() string {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		b := make([]byte, 64)
		_, to, err := pc.ReadFrom(b)
		if err != nil {
			return
		}
		service.Every(context.Background(), 130, func(i int) {
			i %= 16000
			var b []byte
			for link := range 96 {
				b = nl.Append(b, nl.Message{Type: newLink, Data: append(fmt.Appendf(nil, "veth%04d up ", link), make([]byte, 512)...)})
			}
			b = nl.Append(b, nl.Message{Type: newNeighbour, Data: fmt.Appendf(nil, "10.9.%d.%d 02:42:0a:09:%02x:%02x", i>>8, i&255, i>>8, i&255)})
			pc.WriteTo(b, to)
		})
	}()
	return pc.LocalAddr().String()
}

func main() {
	t := &neighbours{byIP: map[string][]byte{}}
	addr := ""
	service.Main(service.Case{
		Limit: 176 << 20, Rate: 50,
		ChildUp: kernel,
		Setup: func(mux *http.ServeMux, upstream string) {
			addr = upstream
			stock.Open(mux, 16, 20*time.Second)
			mux.HandleFunc("GET /neighbours/{ip}", t.serve)
		},
		Start:   func(ctx context.Context, _ int) { t.watch(ctx, addr) },
		Wrap:    func(next http.Handler) http.Handler { return layers.Chain(next, layers.Recover, layers.AccessLog) },
		Client:  func(base string, i int) { service.Get(fmt.Sprintf("%s/neighbours/10.9.0.%d", base, i&255)) },
		Relieve: t.flush,
	})
}
