package sentryhook

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/sentryhook/internal/envelope"
	"github.com/leakguard/leakguard/sentryhook/internal/gate"
	"github.com/leakguard/leakguard/sentryhook/internal/sink"
	"github.com/leakguard/leakguard/sentryhook/internal/transport"
)

// number gives each int64 in a struct, and in structs within it, a value of its own.
func number(v reflect.Value, next *int64) {
	for i := range v.NumField() {
		if !v.Type().Field(i).IsExported() {
			continue // of a time.Time
		}
		switch f := v.Field(i); f.Kind() {
		case reflect.Int64:
			*next++
			f.SetInt(*next)
		case reflect.Struct:
			number(f, next)
		}
	}
}

// same checks that each int64 of the room's struct is in the field of that name.
func same(t *testing.T, room, door reflect.Value) {
	t.Helper()
	for i := range door.NumField() {
		if !door.Type().Field(i).IsExported() {
			continue // of a time.Time
		}
		name := door.Type().Field(i).Name
		of := room.FieldByName(name)
		if !of.IsValid() {
			t.Errorf("the room has no field %s", name)
			continue
		}
		switch f := door.Field(i); f.Kind() {
		case reflect.Int64:
			if f.Int() != of.Int() || f.Int() == 0 {
				t.Errorf("%s is %d, want %d", name, f.Int(), of.Int())
			}
		case reflect.Struct:
			same(t, of, f)
		}
	}
}

// Each number that a room counts reaches the user under its name.
func TestStatsPassTheDoor(t *testing.T) {
	var n int64
	in := transport.Stats{
		Dropped: map[envelope.DropReason]int64{envelope.TooLate: 3},
		Refused: map[int]int64{503: 4},
	}
	number(reflect.ValueOf(&in).Elem(), &n)
	learned := transport.Learned{Until: time.Unix(7, 0)}
	number(reflect.ValueOf(&learned).Elem(), &n)
	in.Learned = map[string]transport.Learned{"relay": learned}
	out := transportStats(in)
	same(t, reflect.ValueOf(in), reflect.ValueOf(out))
	if !maps.Equal(out.Dropped, map[DropReason]int64{DroppedTooLate: 3}) || !maps.Equal(out.Refused, in.Refused) ||
		!out.Learned["relay"].Until.Equal(learned.Until) {
		t.Errorf("%+v became %+v", in, out)
	}
	same(t, reflect.ValueOf(learned), reflect.ValueOf(out.Learned["relay"]))

	var g gate.Stats
	number(reflect.ValueOf(&g).Elem(), &n)
	g.Refused[gate.Heap] = 8
	got := gateStats(g)
	if got.Allowed != g.Allowed || got.Stripped != g.Stripped || !maps.Equal(got.Refused, map[GateReason]int64{GateHeap: 8}) {
		t.Errorf("%+v became %+v", g, got)
	}

	var s sink.Stats
	number(reflect.ValueOf(&s).Elem(), &n)
	same(t, reflect.ValueOf(s), reflect.ValueOf(SinkStats(s)))
}

// The reasons have the same numbers in the rooms.
func TestReasons(t *testing.T) {
	for door, room := range map[DropReason]envelope.DropReason{
		DroppedTooLarge: envelope.TooLarge, DroppedTooLate: envelope.TooLate, DroppedByRate: envelope.ByRate,
		DroppedByRelay: envelope.ByRelay, DroppedOnRefusal: envelope.OnRefusal,
	} {
		if envelope.DropReason(door) != room || door.String() != room.String() {
			t.Errorf("%v is %v in the room", door, room)
		}
	}
	for door, room := range map[GateReason]gate.Reason{
		GateSettling: gate.Settling, GateUnknown: gate.Unknown, GateIncident: gate.Incident,
		GateGoroutines: gate.Goroutines, GateHeap: gate.Heap, GatePayload: gate.Payload,
	} {
		if gate.Reason(door) != room || door.String() != room.String() {
			t.Errorf("%v is %v in the room", door, room)
		}
	}
	if n := int(DroppedOnRefusal) + 1; n != int(envelope.DropReasons) {
		t.Errorf("%d reasons at the door, %d in the room", n, envelope.DropReasons)
	}
	if n := int(GatePayload) + 1; n != int(gate.Reasons) {
		t.Errorf("%d reasons at the door, %d in the room", n, gate.Reasons)
	}
	if got := fmt.Sprint(DropReason(-1), GateReason(99), GateSettling); got != "DropReason(-1) GateReason(99) settling" {
		t.Error(got)
	}
}

// closer is a base that counts how often its idle connections are closed.
type closer struct {
	http.RoundTripper
	closed int
}

func (c *closer) CloseIdleConnections() { c.closed++ }

// What http.Client passes on to its transport reaches the base.
func TestIdleConnectionsAreClosed(t *testing.T) {
	base := new(closer)
	tr, err := NewTransport(base, TransportConfig{})
	if err != nil {
		t.Fatal(err)
	}
	(&http.Client{Transport: tr}).CloseIdleConnections()
	if base.closed != 1 {
		t.Errorf("the base was told %d times, want once", base.closed)
	}
	plain, err := NewTransport(struct{ http.RoundTripper }{base}, TransportConfig{})
	if err != nil {
		t.Fatal(err)
	}
	plain.CloseIdleConnections() // a base that cannot is no fault
}

// Faults are named as the user knows the fields.
func TestFaultsNameTheUsersFields(t *testing.T) {
	_, transportErr := NewTransport(nil, TransportConfig{WireBytes: 1})
	_, gateErr := NewGate(GateConfig{MaxGoroutines: -1})
	_, sinkErr := NewSink(nil, SinkConfig{MaxAttachment: -1})
	for want, err := range map[string]error{
		"faults in TransportConfig: 1:\nWireBytes: 1:": transportErr, "GateConfig.MaxGoroutines is -1": gateErr, "SinkConfig.MaxAttachment is -1": sinkErr,
	} {
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "sentryhook: ") {
			t.Errorf("no %q in: %v", want, err)
		}
	}
}

// A nil Gate refuses nothing and a nil Sink sends nothing, and so do zero ones.
func TestNilAndZero(t *testing.T) {
	for _, g := range []*Gate{nil, {}} {
		event := &sentry.Event{}
		if g.TracesSampler(nil) != nil || g.BeforeSendTransaction(nil) != nil {
			t.Error("a nil gate makes hooks of its own")
		}
		next := func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event { return e }
		if g.BeforeSendTransaction(next)(event, nil) != event {
			t.Error("a nil gate has changed an event")
		}
		if s := g.Stats(); s.Allowed != 0 || len(s.Refused) != 0 {
			t.Errorf("a nil gate counts %+v", s)
		}
	}
	for _, s := range []*Sink{nil, {}} {
		if err := s.Deliver(context.Background(), guard.Event{}); err != nil || s.Name() != "sentry" || s.Stats() != (SinkStats{}) {
			t.Errorf("a nil sink: %v, %q, %+v", err, s.Name(), s.Stats())
		}
	}
}

// What goes in at the door comes out at the relay: the configuration reaches the room.
func TestConfigReachesTheRoom(t *testing.T) {
	got := make(chan string, 1)
	relay := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header.Get("Content-Encoding") }))
	defer relay.Close()
	body := "{}\n{\"type\":\"event\"}\n{\"message\":\"" + strings.Repeat("compresses ", 1000) + "\"}\n"
	for noGzip, want := range map[bool]string{false: "gzip", true: ""} {
		tr, err := NewTransport(http.DefaultTransport, TransportConfig{WireBytes: 8 << 10, NoGzip: noGzip})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Transport: tr}).Post(relay.URL+"/api/1/envelope/", "application/x-sentry-envelope", bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if encoding := <-got; encoding != want || tr.Stats().Envelopes != 1 {
			t.Errorf("NoGzip %v: sent as %q, %+v", noGzip, encoding, tr.Stats())
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}
