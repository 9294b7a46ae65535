package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
)

// accept is a change of a delivery: an event, which a sink has accepted.
func accept(sink string, sequence int, event string) func(*Delivery) {
	return func(d *Delivery) {
		at := noon.Add(time.Duration(sequence) * time.Minute)
		d.Add(DeliveryEvent{Sequence: sequence, Event: event, Time: at})
		d.Accept(sink, Accepted{Sequence: sequence, Event: event, Time: at})
	}
}

func TestDelivery(t *testing.T) {
	s := openTestStore(t, Config{})
	id := keepIncident(t, s, noon, "heap", 1)
	if d, err := s.Delivery(id); err != nil || len(d.Sinks) != 0 || len(d.Events) != 0 {
		t.Errorf("before any: %+v, %v", d, err)
	}
	for i, event := range []string{"opened", "captured", "captured"} {
		for range 2 { // again changes nothing
			if err := s.RecordDelivery(id, accept("sentry", i+1, event)); err != nil {
				t.Fatal(err)
			}
		}
	}
	d, err := s.Delivery(id)
	if err != nil || len(d.Sinks["sentry"]) != 3 || !d.Sinks["sentry"][0].Time.Equal(noon.Add(time.Minute)) || len(d.Events) != 3 || d.Last() != 3 {
		t.Errorf("got %+v, %v", d, err)
	}
	if !d.Has("sentry", "captured") || d.Has("sentry", "recovered") || d.Has("log", "captured") {
		t.Errorf("Has is wrong about %+v", d)
	}
	if !d.Accepts("sentry", 3) || d.Accepts("sentry", 4) || d.Accepts("log", 1) {
		t.Errorf("Accepts is wrong about %+v", d)
	}
	if m, err := s.Incident(id); err != nil || len(m.Warnings) > 0 || len(m.Artefacts) != 1 {
		t.Errorf("the record is no artefact: %+v, %v", m, err)
	}
	mustWrite(t, filepath.Join(s.Dir(), id, layout.DeliveryName), "{torn")
	if _, err := s.Delivery(id); err == nil {
		t.Error("a record that cannot be read is none")
	}
	if err := s.RecordDelivery(id, accept("log", 1, "opened")); err != nil {
		t.Errorf("it is never replaced: %v", err)
	}
	if err := s.RecordDelivery("../x", accept("log", 1, "opened")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("outside: %v", err)
	}
	checkNoTemps(t, s.Dir())
}

// A record is bounded: of the events the first and the newest stay.
func TestDeliveryIsBounded(t *testing.T) {
	s := openTestStore(t, Config{})
	id := keepIncident(t, s, noon, "heap", 1)
	err := s.RecordDelivery(id, func(d *Delivery) {
		for i := range 3 * maxDeliveryEvents {
			d.Add(DeliveryEvent{Sequence: i + 1, Event: "escalated", Time: noon, Reason: strings.Repeat("\x01", 10<<10)})
			for sink := range maxDeliverySinks {
				d.Accept(fmt.Sprint("sink-", sink), Accepted{Sequence: i + 1, Event: "escalated", Time: noon})
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Delivery(id)
	if err != nil || len(d.Events) != maxDeliveryEvents || d.Events[0].Sequence != 1 || d.Last() != 3*maxDeliveryEvents || len(d.Sinks["sink-0"]) != maxDeliveryEvents {
		t.Errorf("%d events, %d accepted, last %d, %v", len(d.Events), len(d.Sinks["sink-0"]), d.Last(), err)
	}
	if err := s.RecordDelivery(id, accept("one too many", 1, "escalated")); err == nil {
		t.Error("any number of sinks is recorded")
	}
	if err := s.RecordDelivery(id, func(d *Delivery) { *d = Delivery{}; accept(strings.Repeat("x", 65), 1, "opened")(d) }); err == nil {
		t.Error("any name is recorded")
	}
}

// A file as it was before events had a sequence is read as it is.
func TestDeliveryByKind(t *testing.T) {
	d, err := decodeDelivery(strings.NewReader(`{"sinks": {"sentry": [{"event": "opened", "time": "2026-11-20T10:15:30Z"}]}, "of a later version": {"a": [1]}}`))
	if err != nil || !d.Has("sentry", "opened") || d.Sinks["sentry"][0].Sequence != 0 || len(d.Events) != 0 {
		t.Errorf("got %+v, %v", d, err)
	}
}

// eventsAgain is a field of 10 events, twenty times.
func eventsAgain() string {
	var b strings.Builder
	for i := range 20 {
		var list []string
		for j := range 10 {
			list = append(list, fmt.Sprintf(`{"sequence": %d, "event": "opened", "time": "2026-11-20T10:15:30Z"}`, 10*i+j+1))
		}
		fmt.Fprintf(&b, `"events": [%s], `, strings.Join(list, ", "))
	}
	return b.String()
}

// Foreign bytes are bounded by what they would become.
func TestDeliveryBombs(t *testing.T) {
	many := func(element string) string { return strings.Repeat(element+",", 400_000/len(element)) + element }
	for name, text := range map[string]string{
		"events":           `{"events": [` + many(`{}`) + `]}`,
		"good events":      `{"events": [` + many(`{"event":"opened"}`) + `]}`,
		"accepted":         `{"sinks": {"a": [` + many(`{"event":"x"}`) + `]}}`,
		"sinks":            `{"sinks": {` + many(`"a":[]`) + `,"a":5}}`,
		"a long sink":      `{"sinks": {"` + strings.Repeat("x", 65) + `": []}}`,
		"a long kind":      `{"events": [{"sequence": 1, "event": "` + strings.Repeat("x", 65) + `"}]}`,
		"nesting":          `{"x": ` + strings.Repeat("[", 400_000),
		"no sequence":      `{"events": [{"event": "opened"}]}`,
		"events again":     `{` + eventsAgain() + `"sinks": {}}`,
		"sequences repeat": `{"events": [{"sequence": 1, "event": "opened"}, {"sequence": 1, "event": "opened"}]}`,
		"not an object":    `[]`,
		"not a list":       `{"events": {}}`,
		"too large":        `{"x": "` + strings.Repeat("x", maxDeliveryBytes) + `"}`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		d, err := decodeDelivery(strings.NewReader(text))
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: taken as %d events and %d sinks", name, len(d.Events), len(d.Sinks))
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
			t.Errorf("%s: decoding it allocates %v", name, profile.Bytes(took))
		}
	}
}

func FuzzDelivery(f *testing.F) {
	f.Add(`{"events": [{"sequence": 1, "event": "opened"}], "sinks": {"a": [{"sequence": 1, "event": "opened"}]}}`)
	f.Add(`{"sinks": {"sentry": [{"event": "opened", "time": "2026-11-20T10:15:30Z"}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := decodeDelivery(strings.NewReader(text))
		if err != nil {
			return
		}
		data, err := d.encode()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if _, err := decodeDelivery(strings.NewReader(string(data))); err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, data)
		}
	})
}
