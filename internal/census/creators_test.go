package census

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/bounded"
)

func TestMoments(t *testing.T) {
	type read struct {
		at time.Duration
		n  int64
	}
	steady := func(n int64) func(time.Duration) int64 { return func(time.Duration) int64 { return n } }
	for name, test := range map[string]struct {
		count func(at time.Duration) int64
		want  []int64 // the numbers of goroutines at which it is read
	}{
		"few":     {steady(250), nil},
		"some":    {steady(500), []int64{500}},
		"many":    {steady(5000), nil},
		"at 950":  {steady(950), []int64{950}},
		"a leak":  {func(at time.Duration) int64 { return 12 + int64(at/time.Minute) }, []int64{300, 900}},
		"slowly":  {func(at time.Duration) int64 { return 200 + int64(at/(10*time.Minute)) }, []int64{300, 900}},
		"30/s":    {func(at time.Duration) int64 { return 12 + 30*int64(at/time.Second) }, []int64{312, 912}},
		"200/s":   {func(at time.Duration) int64 { return 12 + 200*int64(at/time.Second) }, []int64{412, 812}},
		"700/s":   {func(at time.Duration) int64 { return 12 + 700*int64(at/time.Second) }, []int64{712}},
		"a burst": {func(at time.Duration) int64 { return 100 + 2000*int64(at/time.Hour) }, nil},
		// A swing around the line is read once in an hour, a day's rise once a day.
		"a swing": {func(at time.Duration) int64 { return 500 + 450*int64(at/time.Minute%2) }, slices.Concat([]int64{500}, slices.Repeat([]int64{950}, 10*24))},
		"by day":  {func(at time.Duration) int64 { return 400 + int64(1000*(1-abs(1-2*float64(at%day0)/float64(day0)))) }, append([]int64{400}, slices.Repeat([]int64{900}, 10)...)},
	} {
		var m Moment
		var reads []read
		for at := time.Duration(0); at < 10*day0; at += time.Second {
			n := test.count(at)
			if m.Due(at, n, time.Second) {
				m.Read(at, n)
				reads = append(reads, read{at, n})
			}
		}
		var got []int64
		for i, r := range reads {
			got = append(got, r.n)
			if i > 1 && r.at-reads[i-1].at < time.Hour {
				t.Errorf("%s: read at %v and at %v", name, reads[i-1].at, r.at)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: read at %v goroutines, want %v", name, got, test.want)
		}
	}
}

const day0 = 24 * time.Hour

func abs(x float64) float64 { return max(x, -x) }

func TestLearnCreators(t *testing.T) {
	var text strings.Builder
	goroutine := func(stack, creator, at string) {
		fmt.Fprintf(&text, "goroutine %d [chan receive, 5 minutes]:\n%screated by %s in goroutine 1\n\t%s +0x1d\n\n", text.Len()+1, stack, creator, at)
	}
	wait := "main.wait(...)\n\t/src/main.go:9\nmain.(*T).run(0xc000012345)\n\t/src/main.go:20 +0x5\n"
	for range 5 {
		goroutine(wait, "main.Start", "C:/src/main.go:30")
	}
	goroutine(wait, "main.Other", "/src/main.go:40")
	goroutine("main.pull[...](...)\n\t/src/main.go:9\nmain.pull[...].gowrap1()\n\t/src/main.go:9\n", "main.Pull[...]", "/src/main.go:50")
	goroutine("main.recurse(...)\n\t/src/main.go:9\nmain.recurse(...)\n\t/src/main.go:9\n", "main."+strings.Repeat("x", 5000), "/src/main.go:60")
	text.WriteString("goroutine 9999 [running]:\nmain.main()\n\t/src/main.go:1\n")

	site := func(function, root string, count int64) Group {
		return Group{Key: Key{Wait: "chan receive", Function: function, Root: root}, Count: count}
	}
	groups := []Group{
		site("main.wait", "main.(*T).run", 6), site("main.wait", "main.elsewhere", 9), site("main.pull[go.shape.int]", "main.pull[go.shape.int].gowrap1", 4),
		site("main.recurse", "", 4), site("main.main", "main.main", 4), site("main.few", "main.few", 1),
	}
	var c Creators
	if by := c.Of(groups[0].Key); by.Function != "" {
		t.Errorf("before the first text: %+v", by)
	}
	c.learn(groups, text.String())
	for i, want := range []string{"main.Start C:/src/main.go 30", " ", "main.Pull[...] /src/main.go 50", "", " "} {
		by := c.Of(groups[i].Key)
		if got := fmt.Sprint(by.Function, " ", by.File, " ", by.Line); want != "" && strings.TrimSuffix(got, " 0") != strings.TrimSuffix(want, " 0") {
			t.Errorf("%s of %s: %q, want %q", groups[i].Function, groups[i].Root, got, want)
		}
	}
	if by := c.Of(groups[3].Key); len(by.Function) > bounded.MaxText+len("…") || !strings.HasPrefix(by.Function, "main.xxx") {
		t.Errorf("a long name takes %d bytes", len(by.Function))
	}

	// However many sites there are, 64 are kept: the largest, and what is newest.
	groups = groups[:1]
	for i := range 200 {
		f := fmt.Sprintf("main.f%d", i)
		groups = append(groups, site(f, f, int64(1000-i)))
		goroutine(f+"(...)\n\t/src/main.go:9\n", "main.go", "/src/main.go:1")
	}
	for range 3 {
		c.learn(groups, text.String())
	}
	if len(c.known) != maxCreators || c.Of(groups[1].Key).Function != "main.go" || c.Of(groups[0].Key).Function != "" {
		t.Errorf("%d are kept, %+v", len(c.known), c.Of(groups[0].Key))
	}
	// A text that names nobody leaves what was known.
	c.learn(groups, "")
	if len(c.known) != maxCreators || c.Of(groups[1].Key).Function != "main.go" {
		t.Errorf("%d are left", len(c.known))
	}
}

//go:noinline
func startHere(stop <-chan bool, ready chan<- bool, depth int) {
	go func() { descend(stop, ready, depth) }()
}

//go:noinline
func descend(stop <-chan bool, ready chan<- bool, depth int) {
	if depth > 0 {
		descend(stop, ready, depth-1)
		return
	}
	ready <- true
	<-stop
}

func TestReadCreators(t *testing.T) {
	stop, ready := make(chan bool), make(chan bool)
	defer close(stop)
	for range 20 {
		startHere(stop, ready, 3)
		<-ready
	}
	r := NewReader("github.com/leakguard/leakguard")
	var c Creators
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		groups, err := r.Take()
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(groups, func(g Group) bool {
			return strings.HasSuffix(g.Function, "census.descend") && g.Wait == "chan receive" && g.Count == 20
		})
		if i >= 0 {
			c.Read(groups, 100)
			by := c.Of(groups[i].Key)
			if !strings.HasSuffix(by.Function, "census.startHere") || !strings.HasSuffix(by.File, "creators_test.go") || by.Line == 0 {
				t.Errorf("created by %+v", by)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the goroutines do not wait: %+v", groups)
		}
	}
	if pause, tooLong := c.Pause(100); pause <= 0 || tooLong && pause < longestPause {
		t.Errorf("the next will take %v", pause)
	}
	c.took = longestPause
	if pause, tooLong := c.Pause(110); pause <= longestPause || !tooLong {
		t.Errorf("the next will take %v, too long: %v", pause, tooLong)
	}
}

// Groups that are read with their creators renew the counts of the sites, and add those
// that no census has seen; the watch does not learn from them.
func TestSitesWith(t *testing.T) {
	group := func(f string, n int64) Group { return Group{Key: Key{Wait: "select", Function: f}, Count: n} }
	w := NewWatch()
	w.Observe(time.Minute, []Group{group("old", 5), group("gone", 7)})
	sites := w.SitesWith([]Group{group("old", 50), group("new", 500), group("few", fewGoroutines)})
	got := ""
	for _, s := range sites {
		got += fmt.Sprint(s.Function, " ", s.Count, " ")
	}
	if got != "new 500 old 50 gone 7 " {
		t.Errorf("sites: %s", got)
	}
	if sites = w.Sites(); len(sites) != 2 || sites[0].Count != 7 || sites[1].Count != 5 {
		t.Errorf("the watch has learnt: %+v", sites)
	}
}

// BenchmarkCreators is what it takes to read who started the goroutines; the world stops
// meanwhile.
func BenchmarkCreators(b *testing.B) {
	for _, n := range []int{300, 1000} {
		for _, depth := range []int{3, 30} {
			b.Run(fmt.Sprintf("%d/depth=%d", n, depth), func(b *testing.B) {
				stop, ready := make(chan bool), make(chan bool)
				defer close(stop)
				for range n {
					startHere(stop, ready, depth)
					<-ready
				}
				r := NewReader("")
				groups, err := r.Take()
				if err != nil {
					b.Fatal(err)
				}
				var c Creators
				b.ReportAllocs()
				var pause time.Duration
				for b.Loop() {
					c.Read(groups, n)
					pause += c.took
				}
				b.ReportMetric(float64(pause)/1e6/float64(b.N), "pause-ms/op")
			})
		}
	}
}
