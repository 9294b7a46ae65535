package diff

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/profiletest"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

const (
	park      = "runtime.gopark "
	receiving = park + "runtime.chanrecv runtime.chanrecv1 "
	idleConn  = park + "runtime.netpollblock internal/poll.runtime_pollWait internal/poll.(*FD).Read net.(*conn).Read net/http.(*persistConn).readLoop"
	writeLoop = park + "runtime.selectgo net/http.(*persistConn).writeLoop"
	waitBody  = park + "runtime.selectgo net/http.(*persistConn).readLoop"
)

func TestSuspectGoroutines(t *testing.T) {
	leak := receiving + shop + "/storage.(*Cache).wait:85 " + shop + "/storage.Open.func1"
	base := profiletest.StackOf(profile.Goroutine.String(), map[string]int64{leak: 8, idleConn: 10, writeLoop: 10, "main.work main.main runtime.main": 1})
	now := profiletest.StackOf(profile.Goroutine.String(), map[string]int64{
		leak + " # request=a": 71, leak + " # request=b": 71,
		idleConn: 150, writeLoop: 150,
		park + "time.Sleep " + shop + "/web.poll:9": 60,
		"main.work main.main runtime.main":          1,
	})
	now.TimeNanos += int64(time.Hour)
	text := strings.Repeat("goroutine 7 [chan receive, 40 minutes]:\n"+shop+"/storage.(*Cache).wait()\n\t/src/x.go:85\n"+
		shop+"/storage.Open.func1()\n\t/src/x.go:70\ncreated by "+shop+"/storage.Open in goroutine 1\n\t/src/x.go:69 +0x1\n\n", 142)
	site := incident.GoroutineSite{
		Frame: profile.Frame{Function: shop + "/storage.(*Cache).wait", Line: 85}, Root: shop + "/storage.Open.func1", Wait: "chan receive",
		Count: 142, Grown: 134, Since: time.Unix(0, now.TimeNanos).Add(-55 * time.Minute), Standing: 40 * time.Minute,
	}
	c := compared(t, base, now, Config{MainModule: shop, Sites: []incident.GoroutineSite{site}, GoroutineText: strings.NewReader(text)})
	s := c.Suspects[0]
	if s.Frame.Function != site.Frame.Function || s.Frame.Line != 85 || s.Wait != "chan receive" || s.Value != (incident.Change{Before: 8, After: 142}) || s.Standing != site.Standing {
		t.Fatalf("the first suspect is %+v", s)
	}
	if s.Confidence < 0.6 || s.Confidence > confidenceFlag {
		t.Errorf("confidence %.2f", s.Confidence)
	}
	want := []string{
		"142 goroutines wait in chan receive, never fewer for 40 min",
		"grew from 8 to 142 in 60 min, 28% of the goroutine growth",
		"134 more in the last 55 min",
		"142 of 142 in the text dump have waited for minutes, the longest for 40 min",
		"created by " + shop + "/storage.Open at /src/x.go:69",
		"started with " + shop + "/storage.Open.func1",
	}
	if !slices.Equal(s.Reasons, want) {
		t.Errorf("evidence:\n%q, want\n%q", s.Reasons, want)
	}
	for _, s := range c.Suspects[1:] {
		if s.Confidence > 0.3 {
			t.Errorf("%s in %s: confidence %.2f, want it low", s.Frame.Function, s.Wait, s.Confidence)
		}
	}
	// The census knows only the total; the rows are by label.
	standing := 0
	for _, g := range c.Goroutines {
		if g.Standing == site.Standing && g.Count.After == 71 && (g.Labels == "request=a" || g.Labels == "request=b") {
			standing++
		}
	}
	if standing != 2 {
		t.Errorf("the groups are %+v", c.Goroutines)
	}

	site.Leaking = true
	if s := compared(t, base, now, Config{Sites: []incident.GoroutineSite{site}}).Suspects[0]; s.Confidence < confidenceFlag || s.Confidence >= confidenceProof {
		t.Errorf("flagged by the census: confidence %v", s.Confidence)
	}
	// Proof also counts if they have not grown since the baseline.
	site.Proven = true
	s = compared(t, now, now, Config{Sites: []incident.GoroutineSite{site}}).Suspects[0]
	if s.Confidence != confidenceProof || !strings.HasPrefix(s.Reasons[0], "the garbage collector proved that 142 goroutines") {
		t.Errorf("proven: %+v", s)
	}
	young := site
	young.Proven, young.Leaking, young.Grown, young.Standing = false, false, 0, 5*time.Second
	if s := compared(t, base, now, Config{Sites: []incident.GoroutineSite{young}}).Suspects; s[0].Confidence >= 0.5 {
		t.Errorf("they come and go: %+v", s[0])
	}
	// A rising count has been this high for a moment only, but not because
	// goroutines left.
	rising := young
	rising.Grown = 134
	if s := compared(t, base, now, Config{Sites: []incident.GoroutineSite{rising}}).Suspects; s[0].Confidence < 0.5 {
		t.Errorf("they only come: %+v", s[0])
	}
	other := site
	other.Wait = "select"
	if s := compared(t, base, now, Config{Sites: []incident.GoroutineSite{other}}).Suspects[0]; s.Confidence >= confidenceFlag {
		t.Errorf("the census found another wait: %+v", s)
	}
	elsewhere := site
	elsewhere.Frame.Line = 99
	if s := compared(t, base, now, Config{Sites: []incident.GoroutineSite{elsewhere}}).Suspects[0]; s.Confidence >= confidenceFlag {
		t.Errorf("the census found another line: %+v", s)
	}
}

func TestSuspectProvenGoroutines(t *testing.T) {
	now := profiletest.StackOf(profile.GoroutineLeak.String(), map[string]int64{receiving + "main.wait": 1})
	s := compared(t, nil, now, Config{}).Suspects
	if len(s) != 1 || s[0].Confidence != confidenceProof || s[0].Reasons[0] != "the garbage collector proved that 1 goroutine can never be woken" {
		t.Errorf("suspects %+v", s)
	}
}

func TestSuspectUnreadBodies(t *testing.T) {
	base := profiletest.StackOf(profile.Goroutine.String(), map[string]int64{waitBody: 1, writeLoop: 1, "main.main": 1})
	now := profiletest.StackOf(profile.Goroutine.String(), map[string]int64{waitBody: 200, writeLoop: 200, "main.main": 1})
	s := compared(t, base, now, Config{}).Suspects
	if len(s) != 2 || s[0].Frame.Function != "net/http.(*persistConn).readLoop" || s[0].Confidence < 0.5 || s[1].Confidence > 0.3 {
		t.Fatalf("suspects %+v", s)
	}
	if !strings.Contains(strings.Join(s[0].Reasons, "; "), "neither closed nor read") {
		t.Errorf("evidence %q", s[0].Reasons)
	}
}

func TestGoroutineGroups(t *testing.T) {
	values := map[string]int64{}
	for i := range 40 {
		values[fmt.Sprintf("%smain.wait:%d main.main # request=%d", receiving, 10, i)] = 1
	}
	values[receiving+"main.wait:20 main.main"] = 5
	values[park+"runtime.selectgo main.wait:10 main.main"] = 3
	now := profiletest.StackOf(profile.Goroutine.String(), values)
	c := compared(t, nil, now, Config{})
	if len(c.Goroutines) != 3 || c.Goroutines[0].Count.After != 40 || c.Goroutines[0].Labels != "" || c.Goroutines[1].Blocked.Line != 20 || c.Goroutines[2].Wait != "select" {
		t.Errorf("groups %+v", c.Goroutines)
	}
	// Line numbers of another build mean nothing.
	base := now.Copy()
	base.Mapping = append(base.Mapping, profiletest.HeapOf(1, 1, 1).Mapping[0])
	base.Mapping[0].BuildID = "another"
	if c := compared(t, base, now, Config{}); len(c.Goroutines) != 2 || c.Goroutines[0].Count != (incident.Change{Before: 45, After: 45}) {
		t.Errorf("groups of two builds %+v", c.Goroutines)
	}
	if got := labelPairs(map[string][]string{"b": {"2"}, "a": {"1", "x"}}); !slices.Equal(got, []string{"a=1", "a=x", "b=2"}) {
		t.Errorf("labels %q", got)
	}
}

func TestSignificanceAndWeight(t *testing.T) {
	last := -1.0
	for _, z := range []float64{-5, 0, 1, 2, 4, 10, 100} {
		s := significance(z)
		if s < last || s < 0 || s > 1 {
			t.Errorf("significance(%v) = %v", z, s)
		}
		last = s
	}
	if s := significance(4); s != 0.5 {
		t.Errorf("at 4 standard errors: %v", s)
	}
	// 8 samples more than 20, of small objects.
	noise := &tally{value: incident.Change{Before: 20, After: 28}, varianceBefore: 20, varianceAfter: 28}
	if z, relErr := significanceOf(noise); z > 2 || relErr < 0.18 || relErr > 0.2 {
		t.Errorf("%v standard errors, relative error %v", z, relErr)
	}
	// One more buffer of 16 MiB is no finding, a hundred more are.
	one := &tally{value: incident.Change{Before: 0, After: 16 << 20}, objects: incident.Change{Before: 0, After: 1}}
	if z, relErr := significanceOf(one); z > 2 || relErr != 0 {
		t.Errorf("one large object: %v standard errors, relative error %v", z, relErr)
	}
	held := &tally{value: incident.Change{Before: 160 << 20, After: 260 << 20}, objects: incident.Change{Before: 1, After: 100}}
	if z, _ := significanceOf(held); z > 2 {
		t.Errorf("one large object among those before: %v standard errors", z)
	}
	many := &tally{value: incident.Change{Before: 0, After: 1600 << 20}, objects: incident.Change{Before: 0, After: 100}}
	if z, _ := significanceOf(many); z < 10 {
		t.Errorf("100 large objects: %v standard errors", z)
	}
}

// TestEstimate compares the estimated sampling error of a heap with simulated
// sampling.
func TestEstimate(t *testing.T) {
	const rate, objects, rounds = 512 << 10, 200, 2000
	rng := rand.New(rand.NewPCG(1, 1))
	for _, size := range []float64{16 << 10, 256 << 10, 1 << 20, 8 << 20} {
		p := 1 - math.Exp(-size/rate)
		var sum, squares float64
		for range rounds {
			sampled := 0.0
			for range objects {
				if rng.Float64() < p {
					sampled++
				}
			}
			v := sampled / p * size
			sum += v
			squares += v * v
		}
		mean := sum / rounds
		want := math.Sqrt(max(0, squares/rounds-mean*mean))
		_, variance := estimate(profile.Heap, int64(size)*objects, objects, rate)
		if got := math.Sqrt(variance); math.Abs(got-want) > 0.1*want+size/100 {
			t.Errorf("objects of %v: standard error %v, simulated %v", profile.Bytes(size), profile.Bytes(got), profile.Bytes(want))
		}
	}
}
