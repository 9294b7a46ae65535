package sentryhook

import (
	"reflect"
	"sync/atomic"

	"github.com/getsentry/sentry-go"
)

// What only an SDK with profiling has is found by reflection, so that one source
// compiles with every SDK. v0.30.0 is the last one that profiles, so what is
// looked for cannot change any more.
var (
	sdkProfiles  = hasField(reflect.TypeOf(sentry.ClientOptions{}), profilesRate) && profileField != nil
	profileField = findProfileField(reflect.TypeOf(sentry.Event{}))
)

const profilesRate = "ProfilesSampleRate"

func hasField(t reflect.Type, name string) bool {
	_, ok := t.FieldByName(name)
	return ok
}

// findProfileField returns where in an Event the pointer to its profile is; nil
// where there is none.
func findProfileField(event reflect.Type) []int {
	meta, ok := event.FieldByName("sdkMetaData")
	if !ok || meta.Type.Kind() != reflect.Struct {
		return nil
	}
	profile, ok := meta.Type.FieldByName("transactionProfile")
	if !ok || profile.Type.Kind() != reflect.Pointer {
		return nil
	}
	return append(append([]int{}, meta.Index...), profile.Index...)
}

// profiles reports whether a client of these options takes profiles.
func profiles(o sentry.ClientOptions) bool {
	rate := reflect.ValueOf(o).FieldByName(profilesRate)
	return rate.IsValid() && rate.Kind() == reflect.Float64 && rate.Float() != 0
}

// hasProfile reports whether a profile would be sent with the event.
func hasProfile(e *sentry.Event) bool {
	return profileField != nil && !reflect.ValueOf(e).Elem().FieldByIndex(profileField).IsNil()
}

// withoutProfile returns a new event with the exported fields of the given one.
// The profile is in one that is not exported, and could be cleared in place only
// with package unsafe.
func withoutProfile(e *sentry.Event) *sentry.Event {
	fresh := new(sentry.Event)
	from, to := reflect.ValueOf(e).Elem(), reflect.ValueOf(fresh).Elem()
	for i := range from.NumField() {
		if from.Type().Field(i).IsExported() {
			to.Field(i).Set(from.Field(i))
		}
	}
	return fresh
}

// gateSampler samples transactions of the client that it was made for, and keeps
// those from being profiled that may not be.
type gateSampler struct {
	gate *Gate
	next sentry.TracesSampler
	main atomic.Pointer[sentry.Client] // the one that profiles, once seen
	// plain is bound in its place; nil: there is none. It is not
	// GateConfig.Plain itself, whose sampler would never ask the gate again:
	// the hub of a worker that runs for ever would be without profiles after
	// the first refusal.
	plain *sentry.Client
}

func newGateSampler(g *Gate, next sentry.TracesSampler) *gateSampler {
	s := &gateSampler{gate: g, next: next}
	if g.plain == nil {
		return s
	}
	o := g.plain.Options()
	o.TracesSampler = s.sample
	// The durations of what is not profiled are what opens the gate for it.
	o.BeforeSendTransaction = g.BeforeSendTransaction(o.BeforeSendTransaction)
	o.Transport = sharedTransport{g.plain.Transport}
	plain, err := sentry.NewClient(o)
	if err != nil {
		// Only a DSN is an error, and the given client has the same.
		return s
	}
	s.plain = plain
	return s
}

func (s *gateSampler) sample(ctx sentry.SamplingContext) float64 {
	hub := sentry.GetHubFromContext(ctx.Span.Context())
	rate := s.rate(ctx, hub)
	// The SDK drops what is out of range, NaN included.
	if !(rate > 0 && rate <= 1) || s.plain == nil || hub == nil || hub == sentry.CurrentHub() {
		return rate
	}
	client := hub.Client()
	if client == nil {
		return rate
	}
	if client != s.plain {
		s.main.CompareAndSwap(nil, client)
	}
	main := s.main.Load()
	if client != s.plain && client != main {
		return rate // somebody else's
	}
	if why := s.gate.decide(s.gate.durations.expect(ctx.Span.Name)); why != gateAllowed {
		s.gate.refused[why].Add(1)
		if client != s.plain {
			hub.BindClient(s.plain)
		}
	} else if client == s.plain && main != nil {
		hub.BindClient(main)
	}
	return rate
}

// rate is what would be sampled without a gate.
func (s *gateSampler) rate(ctx sentry.SamplingContext, hub *sentry.Hub) float64 {
	if s.next != nil {
		return s.next(ctx)
	}
	if hub == nil {
		hub = sentry.CurrentHub()
	}
	client := hub.Client()
	if client == nil {
		return 0
	}
	return client.Options().TracesSampleRate
}

// sharedTransport is a transport that another client has configured already.
type sharedTransport struct{ sentry.Transport }

func (sharedTransport) Configure(sentry.ClientOptions) {}
