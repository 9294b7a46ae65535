package guard

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWithEnvSettings(t *testing.T) {
	for _, test := range []struct {
		entry string
		want  Config
	}{
		{"LEAKGUARD_DIR=/var/evidence", Config{Dir: "/var/evidence"}},
		{"LEAKGUARD_DIR=/a=b", Config{Dir: "/a=b"}},
		{"LEAKGUARD_LIMIT=536870912", Config{Limit: 512 << 20}},
		{"LEAKGUARD_LIMIT=512MiB", Config{Limit: 512 << 20}},
		{"LEAKGUARD_LIMIT=1.5GiB", Config{Limit: 3 << 29}},
		{"LEAKGUARD_LIMIT=2 TiB", Config{Limit: 2 << 40}},
		{"LEAKGUARD_LIMIT=100KiB", Config{Limit: 100 << 10}},
		{"LEAKGUARD_LIMIT=100B", Config{Limit: 100}},
		{"LEAKGUARD_HEAP=400MiB", Config{Lines: Lines{LiveHeap: 400 << 20}}},
		{"LEAKGUARD_SHARE=0.8", Config{Lines: Lines{MemoryShare: 0.8}}},
		{"LEAKGUARD_SHARE=80%", Config{Lines: Lines{MemoryShare: 0.8}}},
		{"LEAKGUARD_SHARE=1", Config{Lines: Lines{MemoryShare: 1}}},
		{"LEAKGUARD_GOROUTINES=10000", Config{Lines: Lines{Goroutines: 10_000}}},
		{"LEAKGUARD_INTERVAL=250ms", Config{Interval: 250 * time.Millisecond}},
		{"LEAKGUARD_KEEP_BYTES=64MiB", Config{KeepBytes: 64 << 20}},
		{"LEAKGUARD_PRESSURE_SHARE=70%", Config{Pressure: PressureLines{Share: 0.7}}},
		{"LEAKGUARD_PRESSURE_TIME=45s", Config{Pressure: PressureLines{Time: 45 * time.Second}}},
		{"LEAKGUARD_BLACK_BOX=true", Config{}},
		{"LEAKGUARD_BLACK_BOX=false", Config{NoBlackBox: true}},
		{"LEAKGUARD_CRASH_OUTPUT=1", Config{CrashOutput: true}},
		{"LEAKGUARD_OFF=true", Config{Off: true}},
		{"LEAKGUARD_OFF=0", Config{}},
	} {
		got, err := Config{}.withEnviron([]string{"PATH=/bin", test.entry, "HOME=/"})
		if err != nil {
			t.Errorf("%s: %v", test.entry, err)
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v", test.entry, got)
		}
		if err := got.validate(); err != nil {
			t.Errorf("%s: Start would refuse it: %v", test.entry, err)
		}
	}
}

// Every setting is in the table above, in the doc of WithEnv it is by hand.
func TestWithEnvKnowsTheseSettings(t *testing.T) {
	const want = "LEAKGUARD_BLACK_BOX, LEAKGUARD_CRASH_OUTPUT, LEAKGUARD_DIR, LEAKGUARD_GOROUTINES, LEAKGUARD_HEAP, LEAKGUARD_INTERVAL, LEAKGUARD_KEEP_BYTES, LEAKGUARD_LIMIT, LEAKGUARD_OFF, LEAKGUARD_PRESSURE_SHARE, LEAKGUARD_PRESSURE_TIME, LEAKGUARD_SHARE"
	if got := settingNames(); got != want {
		t.Errorf("got %s", got)
	}
}

func TestWithEnvOverlays(t *testing.T) {
	base := Config{Dir: "/a", Limit: 1 << 30, Interval: time.Minute, Off: true, Service: "checkout",
		Lines: Lines{MemoryShare: 0.5, Goroutines: 7}}
	got, err := base.withEnviron([]string{"LEAKGUARD_LIMIT=2GiB", "LEAKGUARD_OFF=false", "LEAKGUARD_GOROUTINES=9"})
	want := base
	want.Limit, want.Off, want.Lines.Goroutines = 2<<30, false, 9
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	if got, err := base.withEnviron(nil); err != nil || !reflect.DeepEqual(got, base) {
		t.Errorf("without settings: %+v, %v", got, err)
	}
}

func TestWithEnvReadsTheEnvironment(t *testing.T) {
	t.Setenv("LEAKGUARD_LIMIT", "7MiB")
	if got, err := (Config{}).WithEnv(); err != nil || got.Limit != 7<<20 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWithEnvWhereRulesAreSet(t *testing.T) {
	own := Rule{Name: "live-heap", Signal: LiveHeap, Line: ShareOfLimit(0.1), Hold: time.Hour}
	other := Rule{Name: "threads", Signal: Threads, Line: Absolute(500)}
	base := Config{Rules: []Rule{own, other}}
	got, err := base.withEnviron([]string{"LEAKGUARD_HEAP=1MiB", "LEAKGUARD_SHARE=0.7"})
	if err != nil {
		t.Fatal(err)
	}
	want := []Rule{
		{Name: "live-heap", Signal: LiveHeap, Line: Absolute(1 << 20)}, other,
		{Name: "memory", Signal: Memory, Line: ShareOfLimit(0.7)},
	}
	if !slices.Equal(got.Rules, want) || got.Lines != (Lines{}) {
		t.Errorf("got %v, %v\nwant %v", got.Rules, got.Lines, want)
	}
	if !slices.Equal(base.Rules, []Rule{own, other}) {
		t.Errorf("the original's rules were changed: %v", base.Rules)
	}
	if err := got.validate(); err != nil {
		t.Error(err)
	}
	// Empty but not nil: only what the environment adds.
	got, err = Config{Rules: []Rule{}}.withEnviron([]string{"LEAKGUARD_GOROUTINES=5"})
	if err != nil || !slices.Equal(got.Rules, []Rule{{Name: "goroutines", Signal: Goroutines, Line: Absolute(5)}}) {
		t.Errorf("got %v, %v", got.Rules, err)
	}
}

func TestWithEnvIgnoresKubernetes(t *testing.T) {
	environ := []string{
		"LEAKGUARD_SERVICE_HOST=10.0.0.7", "LEAKGUARD_SERVICE_PORT=80", "LEAKGUARD_SERVICE_PORT_HTTP=80",
		"LEAKGUARD_PORT=tcp://10.0.0.7:80", "LEAKGUARD_PORT_80_TCP=tcp://10.0.0.7:80", "LEAKGUARD_PORT_80_TCP_ADDR=10.0.0.7",
		"XLEAKGUARD_LIMIT=?", "leakguard_limit=?", "LEAKGUARD=?", "=C:=C:\\", "",
	}
	if got, err := (Config{}).withEnviron(environ); err != nil || !reflect.DeepEqual(got, Config{}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWithEnvTellsEveryFaultAtOnce(t *testing.T) {
	bad := []string{
		"LEAKGUARD_DIR=", "LEAKGUARD_LIMIT=many", "LEAKGUARD_HEAP=-1", "LEAKGUARD_SHARE=90", "LEAKGUARD_GOROUTINES=1e4",
		"LEAKGUARD_INTERVAL=5", "LEAKGUARD_KEEP_BYTES=1KiB", "LEAKGUARD_OFF=maybe",
		"LEAKGUARD_PRESSURE_SHARE=0", "LEAKGUARD_PRESSURE_TIME=-1s",
		"LEAKGUARD_BLACK_BOX=off", "LEAKGUARD_CRASH_OUTPUT=/tmp",
		"LEAKGUARD_LIMITS=1", "LEAKGUARD_=1", "LEAKGUARD_PORTAL=1", "LEAKGUARD_dir=1",
	}
	base := Config{Dir: "/a", Limit: 3, Rules: []Rule{{Name: "a", Line: Absolute(1)}}}
	got, err := base.withEnviron(append([]string{"LEAKGUARD_OFF=true"}, bad...))
	if err == nil {
		t.Fatal("no error")
	}
	if !reflect.DeepEqual(got, base) {
		t.Errorf("with an error it is not the original: %+v", got)
	}
	golden(t, "env-all-wrong", err.Error()+"\n")
	// Each alone is an error that names the variable and, if it is known, the value.
	for _, entry := range bad {
		name, value, _ := strings.Cut(entry, "=")
		got, err := base.withEnviron([]string{entry})
		if err == nil || !strings.Contains(err.Error(), name+": ") || !reflect.DeepEqual(got, base) {
			t.Errorf("%s: %+v, %v", entry, got, err)
		}
		if _, known := settings[strings.TrimPrefix(name, envPrefix)]; known && !strings.Contains(err.Error(), fmt.Sprintf("%q", value)) {
			t.Errorf("%s: the value is not in %v", entry, err)
		}
	}
}

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "1024": 1024, "1KiB": 1 << 10, "0.5KiB": 512, "1 MiB": 1 << 20, "8191PiB": 0, "": 0, "KiB": 0, "0": 0, "0.4": 0, "-1": 0,
		"NaN": 0, "Inf": 0, "1e400": 0, "8388608TiB": 0, "8388607TiB": 8388607 << 40, "1MB": 0, "1mib": 0, "1MiBB": 0, "0x10": 0,
		"9007199254740993": 9007199254740993, "9223372036854775807": math.MaxInt64,
	} {
		got, err := parseBytes(text)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("parseBytes(%q) is %d, %v; want %d", text, got, err, want)
		}
	}
}

func FuzzParseBytes(f *testing.F) {
	for _, seed := range []string{"512MiB", "1.5 GiB", "9223372036854775807", "-0", "NaNTiB", "1e3", "0x1p4"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseBytes(text)
		if (err == nil) != (n > 0) || n < 0 {
			t.Fatalf("parseBytes(%q) is %d, %v", text, n, err)
		}
		if err != nil {
			return
		}
		if again, err := parseBytes(fmt.Sprint(n)); again != n || err != nil {
			t.Fatalf("%q is %d, which reads as %d, %v", text, n, again, err)
		}
	})
}

func FuzzParseShare(f *testing.F) {
	for _, seed := range []string{"0.9", "90%", "1", "100%", "NaN", "-0", "1e-320%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		share, err := parseShare(text)
		if err != nil && share != 0 || err == nil && !(share > 0 && share <= 1) {
			t.Fatalf("parseShare(%q) is %v, %v", text, share, err)
		}
	})
}

// Of any environment: what WithEnv accepts, Start accepts; what it does not, leaves the
// original, and the error names each variable at fault.
func FuzzWithEnv(f *testing.F) {
	for key := range settings {
		f.Add(envPrefix+key+"=1", false)
		f.Add(envPrefix+key+"=90%\n"+envPrefix+"OFF=true", true)
	}
	f.Add("LEAKGUARD_SERVICE_HOST=x\nLEAKGUARD_PORT_80_TCP=\nPATH=/bin", false)
	f.Add("LEAKGUARD_DIR=/\x00\nLEAKGUARD_DIR=\nLEAKGUARD_", false)
	f.Add("LEAKGUARD_INTERVAL=1m\nLEAKGUARD_HEAP=1\nLEAKGUARD_HEAP=2\nLEAKGUARD_SHARE=1", true)
	f.Fuzz(func(t *testing.T, environ string, rules bool) {
		var c Config
		if rules {
			c.Rules = []Rule{{Name: "memory", Signal: Memory, Line: ShareOfLimit(0.5)}}
		}
		was := slices.Clone(c.Rules)
		entries := strings.Split(environ, "\n")
		got, err := c.withEnviron(entries)
		if !slices.Equal(c.Rules, was) {
			t.Fatalf("%q: the original's rules were changed: %v", entries, c.Rules)
		}
		if err != nil {
			if !reflect.DeepEqual(got, c) || !strings.Contains(err.Error(), envPrefix) {
				t.Fatalf("%q: %+v, %v", entries, got, err)
			}
			return
		}
		if err := got.validate(); err != nil {
			t.Fatalf("%q is accepted, and refused by Start: %v", entries, err)
		}
		if again, err := got.withEnviron(entries); err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("%q: twice gives %+v, %v, once %+v", entries, again, err, got)
		}
	})
}
