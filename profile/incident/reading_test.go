package incident

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// A field added to Reading but not to NewReading would be 0, which says 'none'
// instead of 'unknown'.
func TestNewReadingKnowsNothing(t *testing.T) {
	v := reflect.ValueOf(NewReading(noon))
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		switch f := v.Field(i); {
		case name == "Time":
			if !f.Interface().(time.Time).Equal(noon) {
				t.Errorf("Time is %v", f)
			}
		case f.Int() != profile.Unknown:
			t.Errorf("%s is %d, want Unknown", name, f.Int())
		}
	}
}

// knownReading has a distinct value in every field; the first is 0.
func knownReading() Reading {
	r := NewReading(noon)
	v := reflect.ValueOf(&r).Elem()
	for i := range v.NumField() {
		if v.Field(i).CanInt() {
			v.Field(i).SetInt(int64(i - 1))
		}
	}
	return r
}

func TestReadingJSONRoundTrip(t *testing.T) {
	for name, want := range map[string]Reading{"unknown": NewReading(noon), "known": knownReading()} {
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Reading
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s: got %+v\nwant %+v", name, got, want)
		}
		// Every field must have a name of its own, and be null or a number.
		var fields map[string]any
		if err := json.Unmarshal(data, &fields); err != nil {
			t.Fatal(err)
		}
		if n := reflect.TypeFor[Reading]().NumField(); len(fields) != n {
			t.Errorf("%s: %d fields in JSON, want %d: %s", name, len(fields), n, data)
		}
		for field, value := range fields {
			if field == "time" {
				continue
			}
			if known := value != nil; known != (name == "known") {
				t.Errorf("%s: %s is %v", name, field, value)
			}
		}
	}
}

func TestReadingJSONOfAnotherVersion(t *testing.T) {
	var got Reading
	if err := json.Unmarshal([]byte(`{"time":"2026-11-20T12:00:00Z","rss_bytes":7,"new_in_v9":1}`), &got); err != nil {
		t.Fatal(err)
	}
	want := NewReading(noon)
	want.RSS = 7
	if !got.Time.Equal(want.Time) {
		t.Errorf("time %v", got.Time)
	}
	if got.Time = want.Time; got != want {
		t.Errorf("absent is not unknown: %+v", got)
	}
	for _, bad := range []string{`{"rss_bytes":-1}`, `{"rss_bytes":1.5}`, `{"cpu_time_ns":-1}`, `{"cpu_time_ns":"1s"}`, `{"goroutines":true}`, `[]`} {
		before := got
		if err := json.Unmarshal([]byte(bad), &got); err == nil || !strings.Contains(err.Error(), "reading") {
			t.Errorf("%s: %v", bad, err)
		} else if got != before {
			t.Errorf("%s: changed the reading though it failed", bad)
		}
	}
}

func TestQuantityString(t *testing.T) {
	for _, test := range []struct {
		in   interface{ String() string }
		want string
	}{
		{profile.Bytes(profile.Unknown), "?"}, {profile.Bytes(0), "0 B"}, {profile.Bytes(1023), "1023 B"}, {profile.Bytes(1024), "1.0 KiB"},
		{profile.Bytes(1<<20 - 1), "1024.0 KiB"}, {profile.Bytes(1 << 20), "1.0 MiB"}, {profile.Bytes(488846131), "466.2 MiB"},
		{profile.Bytes(1 << 30), "1.00 GiB"}, {profile.Bytes(5 << 40), "5120.00 GiB"},
		{profile.Count(profile.Unknown), "?"}, {profile.Count(0), "0"}, {profile.Count(999), "999"}, {profile.Count(1000), "1,000"},
		{profile.Count(12345), "12,345"}, {profile.Count(1234567), "1,234,567"},
	} {
		if got := test.in.String(); got != test.want {
			t.Errorf("%T: got %q, want %q", test.in, got, test.want)
		}
	}
}

func TestUnknownIsNeverAboveALine(t *testing.T) {
	if profile.Bytes(profile.Unknown).Known() || profile.Count(profile.Unknown).Known() || !profile.Bytes(0).Known() || !profile.Count(0).Known() {
		t.Error("Known is about being at least 0")
	}
}

func TestKindNames(t *testing.T) {
	for _, k := range profile.Kinds() {
		text, err := k.MarshalText()
		if err != nil || string(text) != k.String() {
			t.Errorf("%v: %q, %v", k, text, err)
		}
		var back profile.Kind
		if err := back.UnmarshalText(text); err != nil || back != k {
			t.Errorf("%s reads back as %v, %v", text, back, err)
		}
	}
	for _, k := range []profile.Kind{-1, 0, profile.Threadcreate + 1, 99} {
		if _, err := k.MarshalText(); err == nil {
			t.Errorf("%d has a name", int(k))
		}
	}
	var k profile.Kind
	if err := k.UnmarshalText([]byte("heep")); err == nil || !strings.Contains(err.Error(), `"heep"`) || !strings.Contains(err.Error(), "heap") {
		t.Errorf("want the wrong name and the right ones in: %v", err)
	}
}
