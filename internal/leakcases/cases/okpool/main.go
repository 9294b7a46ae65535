// https://github.com/golang/go/issues/65864: memory that comes with the load
// and goes with it: a pool of workers that grows, and shrinks when it is idle.
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"example.com/leakcases/service"
)

// pool has at most most workers. A worker leaves when it has been idle.
type pool struct {
	jobs    chan func(scratch []byte)
	most    int64
	idle    time.Duration
	workers atomic.Int64
}

func newPool(most int64, idle time.Duration) *pool {
	return &pool{jobs: make(chan func([]byte)), most: most, idle: idle}
}

func (p *pool) submit(job func(scratch []byte)) {
	select {
	case p.jobs <- job:
		return
	default:
	}
	if p.workers.Add(1) <= p.most {
		go p.work()
	} else {
		p.workers.Add(-1)
	}
	p.jobs <- job
}

func (p *pool) work() {
	defer p.workers.Add(-1)
	scratch := make([]byte, 384<<10)
	for i := range scratch {
		scratch[i] = byte(i)
	}
	idle := time.NewTimer(p.idle)
	defer idle.Stop()
	for {
		idle.Reset(p.idle)
		select {
		case job := <-p.jobs:
			job(scratch)
		case <-idle.C:
			return
		}
	}
}

func main() {
	p := newPool(150, time.Second)
	busy := make(chan struct{}, 200) // callers
	service.Main(service.Case{
		Healthy: true, Rate: 200, Limit: 120 << 20,
		Setup: func(mux *http.ServeMux, _ string) {
			mux.HandleFunc("POST /thumbnails", func(w http.ResponseWriter, r *http.Request) {
				done := make(chan [32]byte, 1)
				p.submit(func(scratch []byte) {
					n, _ := io.ReadFull(r.Body, scratch)
					time.Sleep(400 * time.Millisecond) // the encoder
					done <- sha256.Sum256(scratch[:n])
				})
				fmt.Fprintf(w, "%x\n", <-done)
			})
		},
		Client: func(base string, i int) {
			if i/800%2 == 1 && i%10 != 0 { // four busy seconds, four quiet ones
				return
			}
			select {
			case busy <- struct{}{}:
			default:
				return
			}
			go func() {
				service.Do("POST", base+"/thumbnails", nil)
				<-busy
			}()
		},
	})
}
