package diff

import (
	"slices"
	"strings"
	"testing"
	"time"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/internal/profiletest"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

const (
	dialed  = "bufio.NewReaderSize net/http.(*Transport).dialConn net/http.(*Transport).dialConnFor"
	request = "net/http.NewRequestWithContext net/http.(*Client).Get "
)

func heapAt(after time.Duration, values map[string]int64) *pprofile.Profile {
	p := profiletest.StackOf(profile.Heap.String(), values)
	p.TimeNanos += int64(after)
	return p
}

// The memory of connections is allocated on goroutines that no code of the user's is on.
// Whose calls of that library hold memory shows who asked for them.
func TestCallersOfALibrary(t *testing.T) {
	base := heapAt(0, map[string]int64{"main.load main.main": 30 << 20})
	now := heapAt(time.Minute, map[string]int64{
		"main.load main.main":                 30 << 20,
		dialed:                                40 << 20,
		request + shop + ".submit":            2 << 20,
		request + shop + ".health":            100 << 10,
		"encoding/json.x " + shop + ".decode": 3 << 20,
	})
	c := compared(t, base, now, Config{MainModule: shop})
	s := c.Suspects[0]
	if s.Frame.Function != shop+".submit" || s.Through.Function != "net/http.(*Transport).dialConn" || s.Value.After != 42<<20 {
		t.Fatalf("the first suspect is %+v", s)
	}
	if !strings.Contains(strings.Join(s.Reasons, "; "), "on goroutines of a library that it calls: net/http.(*Transport).dialConn") {
		t.Errorf("reasons %q", s.Reasons)
	}
	if got := rowOf(c.Sites, shop+".submit").Value.After; got != 2<<20 {
		t.Errorf("the table gives it %d bytes, want its own", got)
	}
	if caller, ok := c.CallerOf(profile.Frame{Function: "net/http.(*persistConn).readLoop", Package: "net/http", Module: "std"}); !ok || caller.Function != shop+".submit" {
		t.Errorf("of a goroutine: %+v, %v", caller, ok)
	}
	if caller, ok := c.CallerOf(profile.Frame{Function: "database/sql.(*DB).connectionOpener", Package: "database/sql", Module: "std"}); ok {
		t.Errorf("of a library that nobody calls: %+v", caller)
	}

	// Without a caller the library's own function is the best that is known.
	alone := compared(t, base, heapAt(time.Minute, map[string]int64{"main.load main.main": 30 << 20, dialed: 40 << 20}), Config{MainModule: shop})
	if s := alone.Suspects[0]; s.Frame.Function != "net/http.(*Transport).dialConn" {
		t.Errorf("without a caller: %+v", s)
	}
}

// A cache that filled after the baseline grew most, but who still grows is the leak.
func TestRungsTellWhoStillGrows(t *testing.T) {
	at := func(after time.Duration, cache, leak int64) *pprofile.Profile {
		return heapAt(after, map[string]int64{shop + ".(*Cache).Put main.main": cache << 20, shop + ".leak main.main": leak<<20 + 1})
	}
	base, now := at(0, 0, 0), at(time.Minute, 60, 40)
	if s := compared(t, base, now, Config{MainModule: shop}).Suspects[0]; s.Frame.Function != shop+".(*Cache).Put" {
		t.Fatalf("without rungs the first suspect is %s", s.Frame.Function)
	}
	rungs := []*pprofile.Profile{at(10*time.Second, 60, 1), at(30*time.Second, 60, 15), at(2*time.Minute, 0, 0), profiletest.StackOf(profile.Goroutine.String(), map[string]int64{"main.main": 1})}
	c := compared(t, base, now, Config{MainModule: shop, Rungs: slices.Values(rungs)})
	if s := c.Suspects[0]; s.Frame.Function != shop+".leak" || s.Share > 0.5 || s.Confidence < 0.6 {
		t.Errorf("the first suspect is %+v", s)
	}
	if len(c.Suspects) != 1 {
		t.Errorf("the full cache is a suspect: %+v", c.Suspects[1:])
	}
	if !slices.Contains(c.Suspects[0].Reasons, "25.0 MiB more in the last 30 s, 100% of the growth in that time") {
		t.Errorf("reasons %q", c.Suspects[0].Reasons)
	}
	// A rung since which next to nothing grew tells nothing.
	if s := compared(t, base, now, Config{MainModule: shop, Rungs: slices.Values([]*pprofile.Profile{at(59*time.Second, 60, 38), at(20*time.Second, 60, 2)})}).Suspects; s[0].Frame.Function != shop+".leak" {
		t.Errorf("with a rung of a second ago: %+v", s[0])
	}
}

func TestNeverOurselves(t *testing.T) {
	zip := "compress/flate.NewWriter runtime/pprof.(*profMap).x github.com/leakguard/leakguard/profile.Capture github.com/leakguard/leakguard/guard.(*Guard).run"
	base := heapAt(0, map[string]int64{"main.main": 1 << 20})
	now := heapAt(time.Minute, map[string]int64{
		"main.main": 1 << 20,
		zip:         7 << 20,
		shop + ".(*Sink).Deliver github.com/leakguard/leakguard/guard.(*Guard).run": 3 << 20,
	})
	c := compared(t, base, now, Config{MainModule: shop})
	if c.Guard != (incident.Change{After: 7 << 20}) {
		t.Errorf("ourselves: %+v, want 7 MiB", c.Guard)
	}
	for _, list := range [][]Row{c.Sites, c.Functions, c.Packages, c.Modules} {
		for _, row := range list {
			if strings.Contains(row.Frame.Function+row.Frame.Package+row.Frame.Module, "leakguard") || row.Frame.Function == "compress/flate.NewWriter" {
				t.Errorf("a table has %+v", row)
			}
		}
	}
	if s := c.Suspects; len(s) != 1 || s[0].Frame.Function != shop+".(*Sink).Deliver" {
		t.Errorf("suspects %+v, want the user's sink", s)
	}
}

// The goroutines of one site are one leak, whatever they wait for.
func TestOneSiteIsOneSuspect(t *testing.T) {
	base := profiletest.StackOf(profile.Goroutine.String(), map[string]int64{"main.main": 1})
	now := profiletest.StackOf(profile.Goroutine.String(), map[string]int64{
		receiving + shop + ".(*Hub).serve:10 " + shop + ".(*Hub).Join.func1":                      5228,
		park + "runtime.selectgo " + shop + ".(*Hub).serve:14 " + shop + ".(*Hub).Join.func1":     772,
		receiving + "github.com/dep/lib@v1.0.0/lib.(*Conn).loop github.com/dep/lib.(*Conn).start": 5900,
	})
	now.TimeNanos += int64(time.Minute)
	s := compared(t, base, now, Config{MainModule: shop}).Suspects
	if s[0].Frame.Function != shop+".(*Hub).serve" || s[0].Value.After != 6000 || s[0].Wait != "chan receive" {
		t.Fatalf("the first suspect is %+v", s[0])
	}
	if want := "6,000 goroutines are at one place: 5,228 wait in chan receive, 772 wait in select"; s[0].Reasons[0] != want {
		t.Errorf("reasons %q, want first %q", s[0].Reasons, want)
	}
}

func TestNamesAreReadable(t *testing.T) {
	now := heapAt(0, map[string]int64{"github.com/nats-io/nats%2ego.(*Conn).readLoop": 8 << 20})
	if got := compared(t, nil, now, Config{MainModule: shop}).Sites[0].Frame.Function; got != "github.com/nats-io/nats.go.(*Conn).readLoop" {
		t.Errorf("got %s", got)
	}
}
