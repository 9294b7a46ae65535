package gate

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
	"github.com/leakguard/leakguard/sentryhook/internal/sdk"
)

// gateScene is an SDK that profiles, its gate, and the server that it sends to.
type gateScene struct {
	*relaytest.Relay
	gate        *Gate
	main, plain *sentry.Client
}

func newGateScene(t *testing.T, cfg Config) *gateScene {
	s := &gateScene{Relay: relaytest.New(t, 0)}
	o := sentry.ClientOptions{Dsn: s.DSN(), EnableTracing: true, TracesSampleRate: 1}
	var err error
	if s.plain, err = sentry.NewClient(o); err != nil {
		t.Fatal(err)
	}
	cfg.Plain = s.plain
	if s.gate, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	// On a busy machine the first answer may take longer than a transaction
	// waits, and the gate would refuse.
	for !s.gate.state.get().known {
	}
	o.ProfilesSampleRate = 1
	o.TracesSampler = s.gate.TracesSampler(nil)
	o.BeforeSendTransaction = s.gate.BeforeSendTransaction(nil)
	if s.main, err = sentry.NewClient(o); err != nil {
		t.Fatal(err)
	}
	return s
}

// hub returns a context with a hub of its own, as a request has it.
func (s *gateScene) hub() (context.Context, *sentry.Hub) {
	hub := sentry.NewHub(s.main, sentry.NewScope())
	return sentry.SetHubOnContext(context.Background(), hub), hub
}

func (s *gateScene) flush(t *testing.T) {
	t.Helper()
	if !s.main.Flush(20*time.Second) || !s.plain.Flush(20*time.Second) {
		t.Fatal("not flushed")
	}
}

func (s *gateScene) want(t *testing.T, transactions, profiles int) {
	t.Helper()
	s.flush(t)
	if n := len(s.Accepted("transaction")); n != transactions {
		t.Errorf("%d transactions arrived, want %d", n, transactions)
	}
	if n := len(s.Accepted("profile")); n != profiles {
		t.Errorf("%d profiles arrived, want %d", n, profiles)
	}
}

// transaction runs a transaction that is long enough to be profiled.
func transaction(ctx context.Context, name string, o ...sentry.SpanOption) {
	tx := sentry.StartTransaction(ctx, name, o...)
	tx.SetTag("kept", "yes")
	child := tx.StartChild("work")
	for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); {
		runtime.Gosched()
		time.Sleep(time.Millisecond)
	}
	child.Finish()
	tx.Finish()
}

func open() Config { return Config{Settle: -1, MaxGoroutines: 1 << 20, MaxPayload: 1 << 40} }

func shut() Config { return Config{Settle: time.Hour} }

func TestOpenGateLetsProfilesThrough(t *testing.T) {
	s := newGateScene(t, open())
	ctx, hub := s.hub()
	transaction(ctx, "GET /")
	s.want(t, 1, 1)
	if hub.Client() != s.main {
		t.Error("the hub has another client")
	}
	if got := s.gate.Stats(); got.Allowed != 1 || got.Stripped != 0 || got.Refused != [Reasons]int64{} {
		t.Errorf("counted %+v", got)
	}
}

func TestShutGateTakesNoProfile(t *testing.T) {
	s := newGateScene(t, shut())
	ctx, hub := s.hub()
	transaction(ctx, "GET /")
	s.want(t, 1, 0)
	if c := hub.Client(); c == s.main || sdk.TakesProfiles(c.Options()) {
		t.Error("the hub has a client that profiles")
	}
	if got := s.gate.Stats(); got.Refused[Settling] != 1 || got.Stripped != 0 || got.Allowed != 0 {
		t.Errorf("counted %+v", got)
	}
	if took := s.gate.durations.expect("GET /"); took < 100*time.Millisecond || took >= defaultUnknownDuration {
		t.Errorf("nothing was learnt of a transaction that was not profiled: %v", took)
	}
}

// A worker keeps its hub for ever, so a refusal must not last for ever.
func TestGateOpensAgainOnTheSameHub(t *testing.T) {
	s := newGateScene(t, open())
	ctx, hub := s.hub()
	limits := s.gate.limits
	for range 2 {
		s.gate.limits.goroutines = 0
		transaction(ctx, "job")
		s.gate.limits = limits
		transaction(ctx, "job")
		if hub.Client() != s.main {
			t.Error("the hub has not got its client back")
		}
	}
	s.want(t, 4, 2)
	if got := s.gate.Stats(); got.Refused[Goroutines] != 2 || got.Allowed != 2 {
		t.Errorf("counted %+v", got)
	}
}

// Everybody shares the global hub, so nothing is bound to it, however it is found.
func TestGateLeavesTheGlobalHubAlone(t *testing.T) {
	s := newGateScene(t, shut())
	global := sentry.CurrentHub()
	before := global.Client()
	global.BindClient(s.main)
	defer global.BindClient(before)

	transaction(context.Background(), "no hub")
	transaction(sentry.SetHubOnContext(context.Background(), global), "the global hub")
	if global.Client() != s.main {
		t.Error("the gate has switched the global hub")
	}
	s.want(t, 2, 0)
	if got := s.gate.Stats(); got.Refused[Settling] != 2 || got.Stripped != 2 {
		t.Errorf("counted %+v, want both stripped", got)
	}
}

// The SDK does not ask a sampler about a trace that another process has sampled.
func TestGateStripsContinuedTraces(t *testing.T) {
	s := newGateScene(t, shut())
	ctx, _ := s.hub()
	transaction(ctx, "continued", sentry.ContinueFromHeaders("d49d9bf66f13450b81f65bc51cf49c03-1cc4b26ab9094ef0-1", ""))
	s.want(t, 1, 0)
	if got := s.gate.Stats(); got.Stripped != 1 {
		t.Errorf("counted %+v, want it stripped", got)
	}
}

func TestGateWithoutPlainClientStrips(t *testing.T) {
	s := newGateScene(t, shut())
	s.gate.plain = nil
	o := s.main.Options()
	o.TracesSampler = s.gate.TracesSampler(nil)
	var err error
	if s.main, err = sentry.NewClient(o); err != nil {
		t.Fatal(err)
	}
	ctx, _ := s.hub()
	transaction(ctx, "GET /")
	s.want(t, 1, 0)
	if got := s.gate.Stats(); got.Stripped != 1 {
		t.Errorf("counted %+v, want it stripped", got)
	}
}

// With hubs of many requests, a shared one, and a gate that opens and shuts, each
// transaction arrives, and the counts are those of what arrived.
func TestGateConcurrentHubs(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	for range 100 {
		go func() { <-stop }()
	}
	// A transaction with a new name would be too large, one with a known name is not.
	s := newGateScene(t, Config{Settle: -1, MaxPayload: 4 << 20, UnknownDuration: 30 * time.Second})
	shared, _ := s.hub()
	const workers, each = 8, 4
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				ctx := shared
				if w%2 == 0 {
					ctx, _ = s.hub()
				}
				if i%2 == 0 {
					ctx = sentry.SetHubOnContext(ctx, sentry.GetHubFromContext(ctx).Clone())
				}
				transaction(ctx, fmt.Sprint("job ", i/2))
				s.gate.Stats()
			}
		})
	}
	wg.Wait()
	s.flush(t)
	if n := len(s.Accepted("transaction")); n != workers*each {
		t.Errorf("%d transactions arrived, want %d", n, workers*each)
	}
	// On a busy machine the SDK itself may have no sample for a transaction.
	got, arrived := s.gate.Stats(), len(s.Accepted("profile"))
	if int64(arrived) != got.Allowed || arrived == 0 || arrived > workers*each {
		t.Errorf("%d profiles arrived, %d were allowed", arrived, got.Allowed)
	}
	if got.Refused[Payload] == 0 {
		t.Error("the gate has not moved: this test shows little")
	}
}

// With a gate that never opens, the SDK's recorder is never started. The recorder cannot
// be stopped, so this test needs a process of its own.
func TestShutGateStartsNoRecorder(t *testing.T) {
	const env = "LEAKGUARD_TEST_NO_RECORDER"
	if os.Getenv(env) == "" {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(exe, "-test.run=^TestShutGateStartsNoRecorder$", "-test.v")
		cmd.Env = append(os.Environ(), env+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestShutGateStartsNoRecorder") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	recording := func() bool {
		buf := make([]byte, 1<<20)
		return strings.Contains(string(buf[:runtime.Stack(buf, true)]), "sentry-go.(*profileRecorder).run")
	}
	s := newGateScene(t, shut())
	ctx, _ := s.hub()
	transaction(ctx, "GET /")
	s.want(t, 1, 0)
	if recording() {
		t.Error("the recorder runs")
	}
	open := newGateScene(t, open())
	ctx, _ = open.hub()
	transaction(ctx, "GET /")
	if !recording() {
		t.Error("the recorder is not found where it runs: this test cannot fail")
	}
}
