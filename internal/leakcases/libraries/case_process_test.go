package libraries

import (
	"context"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/panjf2000/ants/v2"
	"github.com/robfig/cron/v3"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"example.com/leakcases/libraries/jobs"
)

func TestCron(t *testing.T) {
	t.Parallel()
	verify(t)
	c := cron.New()
	if _, err := c.AddFunc("@every 1h", func() {}); err != nil {
		t.Fatal(err)
	}
	c.Start()
	atEnd(t, func() { <-c.Stop().Done() })
}

// TestJobs uses a library through a package of the user's own.
func TestJobs(t *testing.T) {
	t.Parallel()
	verify(t)
	j := jobs.Start()
	atEnd(t, j.Stop)
}

func TestAnts(t *testing.T) {
	t.Parallel()
	verify(t)
	pool, err := ants.NewPool(4)
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, pool.Release)
	done := make(chan int)
	if err := pool.Submit(func() { close(done) }); err != nil {
		t.Fatal(err)
	}
	<-done
}

func TestFSNotify(t *testing.T) {
	t.Parallel()
	verify(t)
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, func() { watcher.Close() })
	if err := watcher.Add(t.TempDir()); err != nil {
		t.Fatal(err)
	}
}

func TestOTel(t *testing.T) {
	t.Parallel()
	verify(t)
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(tracetest.NewInMemoryExporter(), sdktrace.WithBatchTimeout(time.Hour)))
	atEnd(t, func() { provider.Shutdown(context.Background()) })
	_, span := provider.Tracer("libraries").Start(t.Context(), "span")
	span.End()
}
