package sink

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

func TestTitle(t *testing.T) {
	memory := guard.Incident{Rule: "memory", Trigger: "rule", Reason: "memory 471.0 MiB, 92% of 512.0 MiB"}
	live := guard.Incident{Rule: "live-heap", Trigger: "rule", Reason: "live heap 400.0 MiB, 78% of 512.0 MiB", Headline: testHeadline}
	soon := guard.Incident{Rule: "time-to-limit", Trigger: "rule", Reason: "memory 300.0 MiB, 90ms to 512.0 MiB at 2.2 GiB/s"}
	hand := guard.Incident{Rule: "manual", Trigger: "manual", Reason: "before the release"}
	over := memory
	over.Duration = 90*time.Second + time.Millisecond
	for _, tt := range []struct {
		event guard.Event
		want  string
	}{
		{guard.Event{Kind: guard.Opened, Incident: memory}, "memory 471.0 MiB, 92% of 512.0 MiB"},
		{guard.Event{Kind: guard.Captured, Incident: live}, "live heap 400.0 MiB, 78% of 512.0 MiB: " + testHeadline},
		{guard.Event{Kind: guard.Captured, Incident: soon}, "time-to-limit: memory 300.0 MiB, 90ms to 512.0 MiB at 2.2 GiB/s"},
		{guard.Event{Kind: guard.Captured, Incident: hand}, "captured by hand: before the release"},
		{guard.Event{Kind: guard.Escalated, Incident: memory, Reason: "memory 500.0 MiB, 98% of 512.0 MiB"}, "memory escalated: memory 500.0 MiB, 98% of 512.0 MiB"},
		{guard.Event{Kind: guard.Recovered, Incident: over, Reason: "memory below 0.9 of its line for 30s"}, "memory: recovered after 1m30s: memory below 0.9 of its line for 30s"},
		{guard.Event{Kind: guard.PreviousDeath, Reason: "out of memory at 510.0 MiB of 512.0 MiB"}, "the previous process was killed: out of memory at 510.0 MiB of 512.0 MiB"},
		{guard.Event{Kind: guard.PreviousDeath}, "the previous process was killed"},
		{guard.Event{Kind: guard.PreviousDeath, Incident: death(incident.DeathOOM), Reason: "The previous process was likely OOM-killed, and so on"},
			"previous process likely OOM-killed at 511.0 MiB of 512.0 MiB, growing 800.0 MiB/s: " + testHeadline},
		{guard.Event{Kind: guard.PreviousDeath, Incident: guard.Incident{Rule: incident.RulePreviousDeath, Death: &incident.Death{Cause: incident.DeathPanic, Certain: true, Panic: "panic: boom, in main.f (/src/f.go:3)"}}},
			"previous process panicked: panic: boom, in main.f (/src/f.go:3)"},
		{guard.Event{Kind: guard.Captured}, "leakguard: incident"},
		{guard.Event{Kind: guard.Captured, Incident: guard.Incident{Rule: "mine"}}, "mine"},
		{guard.Event{Kind: guard.Captured, Incident: guard.Incident{Rule: "x", Reason: "a\nb\x00c\xff"}}, "x: a b c"},
	} {
		if got := title(tt.event); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.event.Kind, got, tt.want)
		}
	}
	long := title(guard.Event{Incident: guard.Incident{Reason: strings.Repeat("é", 1000)}})
	if len(long) > maxTitle || !utf8.ValidString(long) || !strings.HasSuffix(long, "...") {
		t.Errorf("a long title has %d bytes: %q", len(long), long)
	}
}

// death is the incident of a death, as the guard sends it.
func death(cause incident.DeathCause) guard.Incident {
	return explained(guard.Incident{Rule: incident.RulePreviousDeath, Trigger: incident.TriggerDeath, Death: &incident.Death{
		Cause: cause, Memory: 511 << 20, Limit: 512 << 20, Rate: 800 << 20, Series: incident.DeathSeries{Count: 2},
	}})
}

func TestEventOfADeath(t *testing.T) {
	for cause, want := range map[incident.DeathCause]sentry.Level{
		incident.DeathOOM: sentry.LevelFatal, incident.DeathPanic: sentry.LevelFatal,
		incident.DeathHost: sentry.LevelWarning, incident.DeathUnknown: sentry.LevelWarning,
	} {
		e := newEvent(guard.Event{Kind: guard.PreviousDeath, Incident: death(cause)}, plan{})
		if e.Level != want || e.Tags["leakguard.death"] != string(cause) || e.Contexts["death"]["cause"] != string(cause) {
			t.Errorf("%s: level %s, tags %v, context %v", cause, e.Level, e.Tags, e.Contexts["death"])
		}
		if got, want := strings.Join(e.Fingerprint, " "), "leakguard previous-death "+string(cause)+" storage.(*Cache).Put"; got != want {
			t.Errorf("fingerprint %q, want %q", got, want)
		}
	}
	if c := newEvent(guard.Event{Kind: guard.Captured}, plan{}).Contexts; c["death"] != nil {
		t.Errorf("a capture has %v", c["death"])
	}
}

// The suspect is whom the report accuses, never the likeliest guess.
func TestSuspect(t *testing.T) {
	i := explained(guard.Incident{})
	if got := suspectOf(i); got != "storage.(*Cache).Put" {
		t.Errorf("got %q", got)
	}
	i.Suspects[0].Accused = false
	if got := suspectOf(i); got != "" {
		t.Errorf("of a guess: %q", got)
	}
}

// A value has its signal's unit.
func TestSignalText(t *testing.T) {
	for signal, want := range map[guard.Signal]string{
		guard.Memory: "1.1 KiB", guard.NonGo: "1.1 KiB", guard.Goroutines: "1,100", guard.LeakedGoroutines: "1,100",
		guard.CPUFloor: "1.10 cores", guard.WakeupFloor: "1,100/s",
	} {
		if got := signalText(signal, 1100); got != want {
			t.Errorf("%v: %q, want %q", signal, got, want)
		}
	}
}

func TestFingerprint(t *testing.T) {
	i := guard.Incident{Rule: "memory", ID: "a"}
	for _, tt := range []struct {
		kind    guard.EventKind
		suspect string
		want    string
	}{
		{guard.Captured, "f", "leakguard memory f"},
		{guard.Opened, "", "leakguard memory"},
		{guard.Escalated, "f", "leakguard memory f"},
		{guard.Recovered, "f", "leakguard recovered memory"},
		{guard.PreviousDeath, "f", "leakguard previous-death memory f"},
	} {
		got := strings.Join(fingerprint(guard.Event{Kind: tt.kind, Incident: i}, tt.suspect), " ")
		if got != tt.want {
			t.Errorf("%v: %q, want %q", tt.kind, got, tt.want)
		}
	}
}

func TestEventID(t *testing.T) {
	e := guard.Event{Kind: guard.Captured, Incident: guard.Incident{ID: "a"}, Time: when}
	id := eventID(e)
	if len(id) != 32 || strings.Trim(string(id), "0123456789abcdef") != "" {
		t.Errorf("%q is not 32 hexadecimal digits", id)
	}
	same := e
	same.Kind, same.Redelivered, same.Time = guard.Explained, true, when.Add(time.Hour)
	if eventID(same) != id {
		t.Error("what comes late has another ID")
	}
	escalated := guard.Event{Kind: guard.Escalated, Incident: guard.Incident{ID: "a"}, Sequence: 3, Time: when, Reason: "worse"}
	repeated := escalated
	repeated.Redelivered, repeated.Time, repeated.Reason = true, when.Add(1), "cut"
	if eventID(escalated) != eventID(repeated) {
		t.Error("an escalation that is delivered twice has two IDs")
	}
	seen := map[sentry.EventID]bool{id: true, eventID(escalated): true}
	for _, other := range []guard.Event{
		{Kind: guard.Captured, Incident: guard.Incident{ID: "b"}},
		{Kind: guard.Escalated, Incident: guard.Incident{ID: "a"}, Time: when},
		{Kind: guard.Escalated, Incident: guard.Incident{ID: "a"}, Time: when.Add(1)},
		{Kind: guard.Escalated, Incident: guard.Incident{ID: "a"}, Sequence: 4, Time: when, Reason: "worse"},
		{Kind: guard.Recovered, Incident: guard.Incident{ID: "a"}},
		{Kind: guard.PreviousDeath, Incident: guard.Incident{ID: "a"}},
		{Kind: guard.PreviousDeath, Time: when},
		{Kind: guard.PreviousDeath, Time: when.Add(1)},
	} {
		if id := eventID(other); seen[id] {
			t.Errorf("%v %s has the ID of another event", other.Kind, other.Incident.ID)
		} else {
			seen[id] = true
		}
	}
}

func TestTagsAreWhatSentryTakes(t *testing.T) {
	i := guard.Incident{Rule: strings.Repeat("r", 300) + "\n", Headline: strings.Repeat("f", 300) + " (a.go:1)"}
	e := newEvent(guard.Event{Incident: i}, plan{})
	for k, v := range e.Tags {
		if len(k) > 32 || len(v) > maxTag || v == "" || strings.ContainsAny(v, "\n\r") {
			t.Errorf("tag %s of %d bytes: %q", k, len(v), v)
		}
	}
	if _, ok := e.Tags["leakguard.trigger"]; ok {
		t.Error("there is a tag without a value")
	}
}

func TestContextsLeaveOutWhatNobodyKnows(t *testing.T) {
	e := guard.Event{Kind: guard.Captured, Incident: guard.Incident{Reading: incident.NewReading(when), Value: profile.Unknown, Peak: profile.Unknown}}
	data, err := json.Marshal(contexts(e, plan{}))
	if err != nil {
		t.Fatal(err)
	}
	if s := string(data); s != "{}" {
		t.Errorf("of an incident of which nothing is known: %s", s)
	}
}

// The whole event as Sentry gets it, without what the SDK adds about this machine.
func TestSinkEventGolden(t *testing.T) {
	for _, tt := range []struct {
		name  string
		event func(guard.Incident) guard.Event
	}{
		{"incident", func(i guard.Incident) guard.Event {
			i = explained(i)
			return captured(i)
		}},
		{"recovered", func(i guard.Incident) guard.Event {
			i.Recovered = when.Add(90 * time.Second)
			i.Duration = 90 * time.Second
			return guard.Event{Kind: guard.Recovered, Incident: i, Time: i.Recovered, Reason: "memory below 0.9 of its line for 30s"}
		}},
		{"previous-death", func(i guard.Incident) guard.Event {
			i = explained(i)
			return guard.Event{Kind: guard.PreviousDeath, Incident: i, Time: when, Reason: "out of memory at 510.0 MiB of 512.0 MiB", Redelivered: true}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := relaytest.New(t, 0)
			s, _ := newTestSink(t, sentry.ClientOptions{
				Dsn: server.DSN(), Release: "shop@1.2.3", Environment: "production", ServerName: "shop-1",
				Tags: map[string]string{"region": "eu"},
			}, Config{})
			i := testIncident(t)
			e := tt.event(i)
			for j := range e.Incident.Artefacts { // of real profiles, which differ from run to run
				e.Incident.Artefacts[j].Size = int64(1000 * (j + 1))
			}
			deliver(t, s, e)
			events := server.Accepted("event")
			if len(events) != 1 {
				t.Fatalf("%d events, want 1", len(events))
			}
			compareGolden(t, "sink_"+tt.name+".golden", withoutMachine(t, events[0].Body, i.Folder))
		})
	}
}

// withoutMachine removes from an event's JSON what differs between machines.
func withoutMachine(t *testing.T, body []byte, folder string) []byte {
	var event map[string]any
	if err := json.Unmarshal(body, &event); err != nil {
		t.Fatal(err)
	}
	for _, noise := range []string{"threads", "exception", "breadcrumbs", "user", "request"} {
		if v, ok := event[noise]; ok && len(jsonOf(t, v)) > len("{}") {
			t.Errorf("the event has %s: %s", noise, jsonOf(t, v))
		}
	}
	delete(event, "modules")
	delete(event, "sdk")
	all := event["contexts"].(map[string]any)
	for name := range all {
		if !slices.Contains([]string{"incident", "memory", "goroutines", "limits", "suspects", "evidence"}, name) {
			delete(all, name)
		}
	}
	data := jsonOf(t, event)
	return append(bytes.ReplaceAll(data, jsonOf(t, folder), []byte(`"<folder>"`)), '\n')
}

func jsonOf(t *testing.T, v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(b.Bytes())
}

// compareGolden compares with a golden file, and writes what it got beside it.
func compareGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	want, err := os.ReadFile(path)
	if err == nil && bytes.Equal(bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n")), got) {
		return
	}
	if err := os.WriteFile(path+".got", got, 0o600); err != nil {
		t.Error(err)
	}
	t.Errorf("the event is not %s; compare it with %s.got, and rename that if it is right\n%s", path, path, got)
}
