package sdktest

import (
	"bytes"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile/incident"
	"github.com/leakguard/leakguard/sentryhook"
	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

// marking is a user's integration.
type marking struct{ setups int }

func (*marking) Name() string { return "Marking" }
func (m *marking) SetupOnce(c *sentry.Client) {
	m.setups++
	c.AddEventProcessor(func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
		e.Tags["marked"] = "by the integration"
		return e
	})
}

// testSink has a sink send events through several clients, one after the other. Each event
// has passed all that it would have passed in the client itself, no integration is set up
// twice, and a client that is closed leaves no goroutine.
func testSink(t *testing.T) {
	relay := relaytest.New(t, 0)
	before := ofSDK()
	hub := sentry.NewHub(nil, sentry.NewScope())
	sink, err := sentryhook.NewSink(hub, sentryhook.SinkConfig{ReportWait: -1})
	if err != nil {
		t.Fatal(err)
	}
	closes := false
	for n := range 3 {
		integration := new(marking)
		base := &http.Transport{}
		client, err := sentry.NewClient(sentry.ClientOptions{
			Dsn: relay.DSN(), HTTPTransport: base, Release: "v7", SampleRate: 1e-12,
			Integrations: func(all []sentry.Integration) []sentry.Integration { return append(all, integration) },
			BeforeSend: func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
				e.Tags["before"] = "send"
				return e
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		client.AddEventProcessor(func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
			e.Tags["added"] = e.Tags["marked"]
			return e
		})
		hub.BindClient(client)
		event := guard.Event{Kind: guard.Recovered, Time: time.Now(), Incident: guard.Incident{
			ID: strings.Repeat("x", n+1), Rule: "memory", Reason: "memory", Trigger: incident.TriggerRule, Reading: incident.NewReading(time.Now()),
		}}
		if err := sink.Deliver(t.Context(), event); err != nil {
			t.Fatal(err)
		}
		if integration.setups != 1 {
			t.Errorf("the integration was set up %d times, want once", integration.setups)
		}
		body := string(relay.Accepted("event")[n].Body)
		for _, want := range []string{`"marked":"by the integration"`, `"added":"by the integration"`, `"before":"send"`, `"release":"v7"`, `"modules":{`, `"Marking"`, `"Modules"`} {
			if !strings.Contains(body, want) {
				t.Errorf("the event lacks %s: %s", want, body)
			}
		}
		if c, ok := any(client).(interface{ Close() }); ok {
			closes = true
			c.Close()
		}
		base.CloseIdleConnections()
	}
	for end := time.Now().Add(10 * time.Second); closes && ofSDK() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines of the SDK are left:\n%s", ofSDK()-before, stacks())
		}
	}
}

// ofSDK counts the goroutines that the SDK has started.
func ofSDK() int { return bytes.Count(stacks(), []byte("created by github.com/getsentry/sentry-go")) }

func stacks() []byte {
	b := make([]byte, 1<<20)
	return b[:runtime.Stack(b, true)]
}
