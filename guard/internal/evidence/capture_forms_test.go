package evidence

import (
	"bytes"
	"context"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	pprofile "github.com/google/pprof/profile"
)

func parse(t *testing.T, data []byte) *pprofile.Profile {
	t.Helper()
	p, err := pprofile.Parse(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.CheckValid(); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCaptureCPU(t *testing.T) {
	var b bytes.Buffer
	if err := captureCPU(t.Context(), &b, 20*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if p := parse(t, b.Bytes()); len(p.SampleType) != 2 || p.SampleType[1].Type != "cpu" {
		t.Errorf("values of types %v", p.SampleType)
	}
}

func TestCaptureCPUCutShortIsKept(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var b bytes.Buffer
	start := time.Now()
	if err := captureCPU(ctx, &b, time.Hour); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("took %v", took)
	}
	parse(t, b.Bytes())
}

func TestCaptureCPUWhileTheHostTakesOne(t *testing.T) {
	var host bytes.Buffer
	if err := pprof.StartCPUProfile(&host); err != nil {
		t.Fatal(err)
	}
	var ours bytes.Buffer
	err := captureCPU(t.Context(), &ours, time.Millisecond)
	pprof.StopCPUProfile()
	if err == nil || !strings.Contains(err.Error(), "capture cpu") || ours.Len() > 0 {
		t.Errorf("got %v and %d bytes", err, ours.Len())
	}
	parse(t, host.Bytes()) // unharmed
}

func TestCaptureGoroutineText(t *testing.T) {
	var b bytes.Buffer
	if err := captureGoroutineText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"goroutine ", "created by ", "TestCaptureGoroutineText"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in it", want)
		}
	}
}
