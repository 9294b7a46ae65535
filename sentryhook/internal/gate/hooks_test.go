package gate

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/sentryhook/internal/sdk"
)

func TestStrippedTransactionIsWhole(t *testing.T) {
	s := newGateScene(t, shut())
	var kept, stripped *sentry.Event
	o := s.main.Options()
	o.TracesSampler = nil // it would keep the profile from being taken
	o.BeforeSendTransaction = s.gate.BeforeSendTransaction(func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
		e.Extra = map[string]any{"extra": "kept"}
		e.Attachments = []*sentry.Attachment{{Filename: "a.txt", Payload: []byte("kept")}}
		kept = e
		return e
	})
	hook := o.BeforeSendTransaction
	o.BeforeSendTransaction = func(e *sentry.Event, h *sentry.EventHint) *sentry.Event {
		stripped = hook(e, h)
		return stripped
	}
	var err error
	if s.main, err = sentry.NewClient(o); err != nil {
		t.Fatal(err)
	}
	ctx, _ := s.hub()
	transaction(ctx, "GET /")
	s.want(t, 1, 0)
	if !sdk.HasProfile(kept) || sdk.HasProfile(stripped) {
		t.Fatalf("before there is a profile: %v, after: %v", sdk.HasProfile(kept), sdk.HasProfile(stripped))
	}
	before, err1 := json.Marshal(kept)
	after, err2 := json.Marshal(stripped)
	if err1 != nil || err2 != nil || string(before) != string(after) {
		t.Errorf("the event has changed:\n%s\n%s", before, after)
	}
	if !reflect.DeepEqual(stripped.Attachments, kept.Attachments) {
		t.Error("the attachments are gone")
	}
	for _, want := range []string{`"kept":"yes"`, `"op":"work"`, `"extra":"kept"`} {
		if !strings.Contains(string(after), want) {
			t.Errorf("%s is gone: %s", want, after)
		}
	}
}

func TestGateKeepsTheUsersHooks(t *testing.T) {
	g, err := New(shut())
	if err != nil {
		t.Fatal(err)
	}
	event := &sentry.Event{}
	hook := g.BeforeSendTransaction(func(*sentry.Event, *sentry.EventHint) *sentry.Event { return nil })
	if hook(event, nil) != nil {
		t.Error("an event that the user's hook drops is sent")
	}
	if g.BeforeSendTransaction(nil)(event, nil) != event {
		t.Error("an event without a profile is not passed on as it is")
	}
	asked := 0
	sampler := g.TracesSampler(func(sentry.SamplingContext) float64 { asked++; return 0.25 })
	o := sentry.ClientOptions{EnableTracing: true, TracesSampler: sampler}
	c, err := sentry.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx := sentry.SetHubOnContext(context.Background(), sentry.NewHub(c, sentry.NewScope()))
	if rate := sampler(sentry.SamplingContext{Span: sentry.StartTransaction(ctx, "x")}); rate != 0.25 || asked != 2 {
		t.Errorf("the user's sampler was asked %d times and said 0.25: the rate is %v", asked, rate)
	}
	if n := g.Stats().Refused; n != [Reasons]int64{} {
		t.Errorf("%v refused by a client without profiles and a plain one", n)
	}
}

func TestGateRefusesPlainClientThatProfiles(t *testing.T) {
	c, err := sentry.NewClient(sentry.ClientOptions{ProfilesSampleRate: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Plain: c}); err == nil || !strings.Contains(err.Error(), "GateConfig.Plain") {
		t.Errorf("NewGate: %v", err)
	}
}

func TestNilGate(t *testing.T) {
	var g *Gate
	event := &sentry.Event{}
	if f := g.BeforeSendTransaction(nil); f != nil {
		t.Error("a hook of a nil gate")
	}
	if f := g.TracesSampler(nil); f != nil {
		t.Error("a sampler of a nil gate")
	}
	next := func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event { return e }
	if g.BeforeSendTransaction(next)(event, nil) != event {
		t.Error("a nil gate has changed an event")
	}
	if s := g.Stats(); s.Allowed != 0 || s.Refused != [Reasons]int64{} {
		t.Errorf("a nil gate counts %+v", s)
	}
}
