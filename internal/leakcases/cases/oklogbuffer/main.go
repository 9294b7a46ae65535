// https://github.com/temporalio/temporal/issues/3543: a logger that needs much
// memory. This one keeps the last 36 MiB in memory for a look, and no more.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"

	"example.com/leakcases/service"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// tail is a zapcore.WriteSyncer that keeps the last lines.
type tail struct {
	mu          sync.Mutex
	lines       [][]byte
	first       int
	bytes, most int
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, append([]byte(nil), p...))
	t.bytes += len(p)
	for t.bytes > t.most {
		t.bytes -= len(t.lines[t.first])
		t.lines[t.first] = nil
		t.first++
	}
	if t.first > len(t.lines)/2 {
		t.lines = append([][]byte(nil), t.lines[t.first:]...)
		t.first = 0
	}
	return len(p), nil
}

func (*tail) Sync() error { return nil }

func (t *tail) dump(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, line := range t.lines[max(t.first, len(t.lines)-100):] {
		w.Write(line)
	}
}

func main() {
	t := &tail{most: 36 << 20}
	buffered := &zapcore.BufferedWriteSyncer{WS: t, Size: 256 << 10}
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), buffered, zap.DebugLevel))
	service.Main(service.Case{
		Healthy: true, Rate: 60, Limit: 144 << 20,
		Setup: func(mux *http.ServeMux, _ string) {
			mux.HandleFunc("GET /debug/log", func(w http.ResponseWriter, r *http.Request) { t.dump(w) })
			mux.HandleFunc("POST /jobs/{id}", func(w http.ResponseWriter, r *http.Request) {
				for step := range 120 {
					log.Debug("step", zap.String("job", r.PathValue("id")), zap.Int("step", step), zap.ByteString("input", make([]byte, 64)))
				}
			})
		},
		Wrap: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				log.Info("request", zap.String("path", r.URL.Path))
				next.ServeHTTP(w, r)
			})
		},
		Start: func(ctx context.Context, _ int) {
			<-ctx.Done()
			log.Sync()
		},
		Client: func(base string, i int) {
			service.Do("POST", fmt.Sprintf("%s/jobs/%d", base, i), nil)
			if i%200 == 0 {
				service.Get(base + "/debug/log")
			}
		},
	})
}
