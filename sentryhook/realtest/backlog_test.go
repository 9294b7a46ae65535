package realtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/sentryhook"
)

// While a relay hangs, the SDK queues up to 1,000 bodies as it made them, with their
// profiles. No transport can prevent that. The gate can, because what is queued is live
// heap, and it shuts at a share of the limit.
const (
	backlogLimit   = 64 << 20 // GOMEMLIMIT
	backlogParked  = 400      // fewer than the gate refuses
	backlogRounds  = 10
	backlogAtATime = 10
	backlogTakes   = 400 * time.Millisecond // each profile is about 1 MiB
	backlogEnv     = "REALTEST_BACKLOG"     // 'without' or 'gate', in the child
	backlogDSNEnv  = "REALTEST_BACKLOG_DSN"
)

type backlogResult struct {
	Live int64 // peak of the live heap, in bytes
	Gate sentryhook.GateStats
}

func TestBacklog(t *testing.T) {
	t.Parallel()
	dsn := "http://key@" + hanging(t)[len("http://"):] + "/1"
	start := func(mode string) (wait func() backlogResult) {
		t.Helper()
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), backlogEnv+"="+mode, backlogDSNEnv+"="+dsn, fmt.Sprint("GOMEMLIMIT=", backlogLimit))
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatalf("%s: %v", mode, err)
		}
		return func() (r backlogResult) {
			t.Helper()
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%s: %v", mode, err)
			}
			if err := json.Unmarshal(said.Bytes(), &r); err != nil {
				t.Fatalf("%s: %v in %s", mode, err, &said)
			}
			t.Logf("%s: live heap at most %.1f MiB of %.1f, gate %+v", mode, mib(r.Live), mib(backlogLimit), r.Gate)
			return r
		}
	}
	// At the same time, as most of it is waiting.
	waitWithout, waitGate := start("without"), start("gate")
	without, gate := waitWithout(), waitGate()
	if without.Live <= backlogLimit {
		t.Errorf("without the gate the live heap stays at %.1f MiB: this test shows nothing", mib(without.Live))
	}
	// It shuts at 70%. Transactions that run at that time still end, each with a
	// profile, which is larger on a busy machine.
	if most := int64(backlogLimit * 5 / 4); gate.Live > most || gate.Live > without.Live*3/4 {
		t.Errorf("with the gate the live heap reaches %.1f MiB, want at most %.1f, and three quarters of the %.1f without it",
			mib(gate.Live), mib(most), mib(without.Live))
	}
	refused := int64(0)
	for _, n := range gate.Gate.Refused {
		refused += n
	}
	if gate.Gate.Allowed == 0 || gate.Gate.Allowed+refused != backlogRounds*backlogAtATime {
		t.Errorf("%d profiles were allowed and %d refused of %d", gate.Gate.Allowed, refused, backlogRounds*backlogAtATime)
	}
}

// backlog is the child.
func backlog(mode string) error {
	o := sentry.ClientOptions{Dsn: os.Getenv(backlogDSNEnv), EnableTracing: true, TracesSampleRate: 1}
	if _, err := sentryhook.Configure(&o, sentryhook.TransportConfig{}); err != nil {
		return err
	}
	plain, err := sentry.NewClient(o)
	if err != nil {
		return err
	}
	o.ProfilesSampleRate = 1
	var gate *sentryhook.Gate
	if mode == "gate" {
		gate, err = sentryhook.NewGate(sentryhook.GateConfig{Plain: plain, Settle: -1, UnknownDuration: backlogTakes})
		if err != nil {
			return err
		}
		o.TracesSampler = gate.TracesSampler(nil)
		o.BeforeSendTransaction = gate.BeforeSendTransaction(nil)
	}
	if err := sentry.Init(o); err != nil {
		return err
	}
	stop := make(chan struct{})
	defer close(stop)
	for range backlogParked {
		go func() { <-stop }()
	}
	var r backlogResult
	for range backlogRounds {
		var wg sync.WaitGroup
		for range backlogAtATime {
			wg.Go(func() {
				ctx := sentry.SetHubOnContext(context.Background(), sentry.CurrentHub().Clone())
				tx := sentry.StartTransaction(ctx, "GET /backlog")
				time.Sleep(backlogTakes)
				tx.Finish()
			})
		}
		wg.Wait()
		r.Live = max(r.Live, live())
	}
	r.Gate = gate.Stats()
	return json.NewEncoder(os.Stdout).Encode(r)
}

// live returns the live heap as of the last garbage collection; with GOMEMLIMIT there are
// many.
func live() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}
