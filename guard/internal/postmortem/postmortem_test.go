package postmortem

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/blackbox"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

const mib = 1 << 20

func TestJudge(t *testing.T) {
	const unknown = profile.Unknown
	count := func(group, host int64) Kills { return Kills{group, host} }
	for name, tt := range map[string]struct {
		facts   Facts
		cause   incident.DeathCause
		certain bool
		why     string // part of it
	}{
		"OOM kill, the group is still there": {Facts{SameBoot: true, SameGroup: true, Near: true, Before: count(2, 9), Now: count(3, 10)},
			incident.DeathOOM, true, "oom_kill of its cgroup rose by 1"},
		"OOM kill without a sample near the limit": {Facts{SameBoot: true, SameGroup: true, Full: 96, Before: count(0, 9), Now: count(2, 11)},
			incident.DeathOOM, false, "rose by 2; memory was 96% full at the last sample"},
		"killed at the limit, but not for it": {Facts{SameBoot: true, SameGroup: true, Near: true, Before: count(2, 9), Now: count(2, 10)},
			incident.DeathUnknown, false, "killed no process of its cgroup"},
		"SIGKILL": {Facts{SameBoot: true, SameGroup: true, Before: count(0, 0), Now: count(0, 0)},
			incident.DeathUnknown, false, "killed no process of its cgroup"},
		"restarted container, near the limit": {Facts{SameBoot: true, Near: true, Before: count(7, 9), Now: count(0, 10)},
			incident.DeathOOM, false, "the host's count of OOM kills rose by 1"},
		"restarted container, whose count seems to have risen": {Facts{SameBoot: true, Before: count(0, 9), Now: count(5, 9)},
			incident.DeathUnknown, false, "no process on this host"},
		"restarted container, others were killed": {Facts{SameBoot: true, Before: count(0, 9), Now: count(0, 12)},
			incident.DeathUnknown, false, "is unknown"},
		"restarted container, near, nothing was killed": {Facts{SameBoot: true, Near: true, Before: count(0, 9), Now: count(0, 9)},
			incident.DeathUnknown, false, "no process on this host"},
		"a kernel that does not count, near": {Facts{SameBoot: true, SameGroup: true, Near: true, Before: count(unknown, unknown), Now: count(unknown, unknown)},
			incident.DeathOOM, false, "memory was at the limit"},
		"a kernel that does not count": {Facts{SameBoot: true, SameGroup: true, Before: count(unknown, unknown), Now: count(unknown, unknown)},
			incident.DeathUnknown, false, ""},
		"no boot ID and no groups": {Facts{Before: count(unknown, unknown), Now: count(unknown, unknown)},
			incident.DeathUnknown, false, ""},
		"reboot": {Facts{OtherBoot: true, SameGroup: true, Before: count(1, 1), Now: count(5, 5)},
			incident.DeathHost, false, "restarted since"},
		"OOM kill, then a reboot": {Facts{OtherBoot: true, Near: true, Before: count(1, 1), Now: count(0, 0)},
			incident.DeathOOM, false, "memory was at the limit; the host"},
		"another pod's, on another host": {Facts{OtherBoot: true, Elsewhere: true, Before: count(1, 1), Now: count(0, 0)},
			incident.DeathUnknown, false, ""},
		"panic":                {Facts{Panicked: true, SameBoot: true, SameGroup: true, Before: count(0, 0), Now: count(0, 0)}, incident.DeathPanic, true, ""},
		"panic near the limit": {Facts{Panicked: true, Near: true, SameBoot: true, SameGroup: true, Before: count(0, 0), Now: count(1, 1)}, incident.DeathPanic, true, ""},
	} {
		cause, certain, why := Judge(tt.facts)
		if cause != tt.cause || certain != tt.certain || !strings.Contains(why, tt.why) || why == "" && tt.why != "" {
			t.Errorf("%s: got %s, certain %v, because %q; want %s, %v, %q", name, cause, certain, why, tt.cause, tt.certain, tt.why)
		}
	}
}

func TestNearLimit(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		memory, limit profile.Bytes
		rate          float64
		every         time.Duration
		want          bool
	}{
		{511 * mib, 512 * mib, 0, time.Second, true},
		{400 * mib, 512 * mib, 0, time.Second, false},
		{400 * mib, 512 * mib, 1000 * mib, 10 * time.Millisecond, true}, // 200 ms ahead
		{400 * mib, 512 * mib, 100 * mib, 10 * time.Millisecond, false},
		{400 * mib, 512 * mib, 30 * mib, time.Second, true}, // 4 s ahead
		{400 * mib, 512 * mib, 10 * mib, time.Minute, false},
		{400 * mib, 512 * mib, -1e12, time.Second, false},
		{511 * mib, profile.Unknown, 1e12, time.Second, false},
		{profile.Unknown, 512 * mib, 1e12, time.Second, false},
	} {
		if got := nearLimit(tt.memory, tt.limit, tt.rate, tt.every); got != tt.want {
			t.Errorf("%+v: got %v", tt, got)
		}
	}
}

// life makes readings at times and of memory in MiB.
func life(points ...[2]float64) (list []incident.Reading) {
	for _, p := range points {
		r := incident.NewReading(time.Unix(0, 0).Add(time.Duration(p[0] * float64(time.Second))))
		r.Unreclaimable = profile.Bytes(p[1] * (1 << 20))
		list = append(list, r)
	}
	return list
}

func TestLastRate(t *testing.T) {
	for name, tt := range map[string]struct {
		list  []incident.Reading
		mib   float64 // a second
		every time.Duration
	}{
		"none":     {nil, 0, 0},
		"one":      {life([2]float64{1, 5}), 0, 0},
		"calm":     {life([2]float64{0, 5}, [2]float64{1, 5}, [2]float64{2, 5}), 0, time.Second},
		"sudden":   {life([2]float64{0, 5}, [2]float64{1, 5}, [2]float64{1.01, 10}, [2]float64{1.02, 20}, [2]float64{1.05, 35}, [2]float64{1.07, 55}), 700, 25 * time.Millisecond},
		"set back": {life([2]float64{5, 5}, [2]float64{1, 5}), 0, 0},
	} {
		rate, every := lastRate(tt.list)
		if math.Abs(rate/(1<<20)-tt.mib) > 1 || (every-tt.every).Abs() > time.Microsecond {
			t.Errorf("%s: %.1f MiB/s, every %v; want %.1f, %v", name, rate/(1<<20), every, tt.mib, tt.every)
		}
	}
}

func TestDoubledBuys(t *testing.T) {
	hours := func(from, to, mib0, mib1 float64, n int) (points [][2]float64) {
		for i := range n {
			f := float64(i) / float64(n-1)
			points = append(points, [2]float64{3600 * (from + f*(to-from)), mib0 + f*(mib1-mib0)})
		}
		return points
	}
	for name, tt := range map[string]struct {
		points [][2]float64
		want   time.Duration
	}{
		"a steady leak":             {hours(0, 2, 12, 512, 100), 2 * 512 * time.Hour / 500},
		"a calm life, then a burst": {append(hours(0, 3, 12, 12, 100), [2]float64{3600*3 + 0.5, 262}, [2]float64{3600*3 + 1, 512}), 1024 * time.Millisecond},
		"nothing grew":              {hours(0, 2, 12, 12, 10), 0},
		"it shrank":                 {hours(0, 2, 512, 12, 10), 0},
		"one point":                 {[][2]float64{{1, 2}}, 0},
	} {
		list := life(tt.points...)
		// What nobody knew, as while the group could not be read, is no low.
		unknown := incident.NewReading(time.Unix(0, 0))
		got := DoubledBuys(history([]incident.Reading{unknown}, list), 512<<20)
		if (got - tt.want).Abs() > tt.want/20 {
			t.Errorf("%s: %v more, want %v", name, got, tt.want)
		}
	}
}

func TestDeathHistory(t *testing.T) {
	var minutes, recent [][2]float64
	for i := range 120 {
		minutes = append(minutes, [2]float64{float64(60 * i), 1})
	}
	for i := range 512 {
		recent = append(recent, [2]float64{60*119 - 100 + float64(i), 2})
	}
	points := history(life(minutes...), life(recent...))
	if n := len(points); n > mostPoints || n < mostPoints/2 || points[0].Memory != 1<<20 || !points[n-1].Time.Equal(time.Unix(60*119-100+511, 0)) {
		t.Errorf("%d points from %+v to %+v", n, points[0], points[n-1])
	}
	for i := range points[1:] {
		if !points[i].Time.Before(points[i+1].Time) {
			t.Fatalf("point %d is not before the next", i)
		}
	}
}

const panicTrace = `panic: assignment to entry in nil map

goroutine 7 [running]:
github.com/acme/shop/storage.(*Cache).Put(0x0, {0x4c5e1a, 0x3})
	/src/shop/storage/cache.go:42 +0x1d
main.main()
	/src/shop/main.go:12 +0x45
`

func TestPanicLine(t *testing.T) {
	for trace, want := range map[string]string{
		"":         "",
		"\n\n":     "",
		panicTrace: "panic: assignment to entry in nil map, in github.com/acme/shop/storage.(*Cache).Put (/src/shop/storage/cache.go:42)",
		"panic: a [recovered]\n\tpanic: b\n\ngoroutine 1 [running]:\npanic({0x1, 0x2})\n\t/go/panic.go:1 +0x1\nmain.f()\n\t/src/f.go:3\n":                     "panic: a [recovered], in main.f (/src/f.go:3)",
		"panic: nil\n[signal SIGSEGV: segmentation violation]\n\ngoroutine 1 [running]:\nruntime.sigpanic()\n\t/go/s.go:1\nmain.f(...)\n\t/src/f.go:3 +0x2\n": "panic: nil, in main.f (/src/f.go:3)",
		"fatal error: all goroutines are asleep - deadlock!\n": "fatal error: all goroutines are asleep - deadlock!",
	} {
		if got := panicLine(trace); got != want {
			t.Errorf("of %q\ngot  %q\nwant %q", trace, got, want)
		}
	}
}

func FuzzPanicLine(f *testing.F) {
	f.Add(panicTrace)
	f.Add("panic: x\n\tmain.f(\n\t\n(")
	f.Fuzz(func(t *testing.T, trace string) {
		if line := panicLine(trace); strings.Contains(line, "\n") {
			t.Errorf("got %q", line)
		}
	})
}

func TestSeries(t *testing.T) {
	at := time.Unix(1e9, 0)
	var log []blackbox.Death
	for i := range 7 {
		log = append(log, blackbox.Death{ID: string(rune('a' + i)), Time: at.Add(time.Duration(i-6) * 204 * time.Minute), Cause: string(incident.DeathOOM), Service: "shop"})
	}
	log = append(log,
		blackbox.Death{ID: "of another cause", Time: at, Cause: string(incident.DeathPanic), Service: "shop"},
		blackbox.Death{ID: "of another service", Time: at, Cause: string(incident.DeathOOM), Service: "till"},
		blackbox.Death{ID: "long ago", Time: at.Add(-25 * time.Hour), Cause: string(incident.DeathOOM), Service: "shop"},
		blackbox.Death{ID: "later", Time: at.Add(time.Second), Cause: string(incident.DeathOOM), Service: "shop"})
	if s := Series(log, string(incident.DeathOOM), "shop", at); s.Count != 7 || s.Every != 204*time.Minute || s.Within != 24*time.Hour {
		t.Errorf("got %+v", s)
	}
	if s := Series(log, string(incident.DeathPanic), "shop", at); s.Count != 1 || s.Every != 0 {
		t.Errorf("got %+v", s)
	}
}

// The names of the columns are those of a reading's JSON, and each goes back where
// it came from.
func TestBoxColumns(t *testing.T) {
	if n := len(columns) + 2; n > blackbox.MostColumns {
		t.Fatalf("%d columns, the box has room for %d", n, blackbox.MostColumns)
	}
	var names []string
	var values []int64
	want := incident.NewReading(time.Unix(1e9, 0).UTC())
	for i, c := range columns {
		*c.field(&want) = int64(1000 + i)
		names, values = append(names, c.name), append(values, int64(1000+i))
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var named map[string]any
	if err := json.Unmarshal(text, &named); err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if named[name] != float64(1000+i) {
			t.Errorf("column %s: the reading's JSON has %v", name, named[name])
		}
	}
	// A newer version's box has a column that nobody knows, and lacks one.
	names = append([]string{"of tomorrow"}, append(names, columnGroupKills, columnHostKills)...)
	values = append([]int64{5}, append(values, 3, 4)...)
	names[1] = "of tomorrow, too"
	want.Unreclaimable = profile.Unknown
	want.CgroupWorkingSet = max(want.CgroupUsage-want.CgroupInactiveFile, 0)
	got, last := Readings(names, []blackbox.Sample{{Time: want.Time, Values: values}})
	if len(got) != 1 || got[0] != want || last != (Kills{3, 4}) {
		t.Errorf("got %+v, %+v\nwant %+v", got, last, want)
	}
}

// What comes out of the box divides as what went in: the report of a death says what
// filled the memory, and a container full of page cache is no mystery there.
func TestBoxTellsWhatFilledTheMemory(t *testing.T) {
	r := incident.NewReading(time.Unix(1e9, 0).UTC())
	r.Unreclaimable, r.Limit, r.NumGC = 145*mib, 512*mib, 7
	r.HeapAlloc, r.HeapLive, r.HeapIdle, r.HeapReleased, r.HeapSys = 60*mib, 40*mib, 20*mib, 10*mib, 90*mib
	r.StackInuse, r.Sys, r.RSSAnon = 2*mib, 100*mib, 100*mib
	r.CgroupUsage, r.CgroupLimit, r.CgroupAnon = 500*mib, 512*mib, 110*mib
	r.CgroupInactiveFile, r.CgroupActiveFile, r.CgroupShmem = 300*mib, 50*mib, 20*mib
	r.CgroupFile, r.CgroupUnevictable, r.CgroupKernel, r.CgroupDirty = 380*mib, 10*mib, 8*mib, 30*mib
	r.CgroupKernelReclaimable = 5 * mib
	var names []string
	var values []int64
	for _, c := range columns {
		names, values = append(names, c.name), append(values, *c.field(&r))
	}
	list, _ := Readings(names, []blackbox.Sample{{Time: r.Time, Values: values}})
	if got, want := list[0].Division(), r.Division(); got != want || got.FileCache != 320*mib || got.KernelCache != 5*mib || got.Locked != 10*mib {
		t.Errorf("out of the box\n%+v, went in\n%+v", got, want)
	}
	if got, want := list[0].Verdict(nil), r.Verdict(nil); got != want || got.Class != incident.VerdictCacheAtLimit {
		t.Errorf("out of the box %+v, went in %+v", got, want)
	}
}

// On cgroup v1 it is a guess which part of the kernel's memory can be reclaimed. If the
// kernel has killed a process of the cgroup, what was left of it could not: pipes that
// nobody closed, for example.
func TestDeathByKernelMemory(t *testing.T) {
	r := incident.NewReading(time.Unix(1e9, 0).UTC())
	r.Unreclaimable, r.Limit, r.CgroupLimit = 8*mib, 64*mib, 64*mib
	r.CgroupUsage, r.CgroupInactiveFile, r.CgroupActiveFile, r.CgroupKernel = 64*mib, 0, 0, 58*mib
	for _, test := range []struct {
		source  string
		kills   int64
		memory  profile.Bytes
		cause   incident.DeathCause
		certain bool
	}{
		{"cgroup v1", 1, 64 * mib, incident.DeathOOM, true},
		{"cgroup v1", 0, 8 * mib, incident.DeathUnknown, false},
		{"cgroup v2", 1, 8 * mib, incident.DeathOOM, false}, // v2 knows; it may have been another process
	} {
		var values [MostValues]int64
		Values(&values, &r, Kills{Group: 0, Host: 7})
		about, err := json.Marshal(About{Limits: []incident.MemoryLimit{{Source: test.source, Bytes: 64 * mib}}})
		if err != nil {
			t.Fatal(err)
		}
		h := blackbox.Header{Boot: "b", Group: "/g", GroupID: "1", Started: r.Time.Add(-time.Minute), Columns: Columns(), About: about}
		box := &blackbox.Record{Header: h, Recent: []blackbox.Sample{{Time: r.Time, Values: values[:]}}}
		d := Manifest(box, "20260101T000000.000Z-x-abcd", "", Here{Header: h, Kills: Kills{Group: test.kills, Host: 7 + test.kills}}).Death
		if d.Memory != test.memory || d.Cause != test.cause || d.Certain != test.certain {
			t.Errorf("%s, %d kills: %v of %v, %v, certain %v: %s", test.source, test.kills, d.Memory, d.Limit, d.Cause, d.Certain, d.Why)
		}
	}
}
