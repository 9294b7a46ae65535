package guard

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// heapModel is a process on a timeline of pressure: amounts in MiB.
type heapModel struct {
	t      *testing.T
	policy pressurePolicy
	obs    observer
	limits Limits
	mayAsk bool

	live, garbage, idle, nonGo, cache float64
	gogc                              float64 // 0: no GC by itself
	marked                            float64 // live at the last GC
	gcs                               int64
	allocated                         float64

	now         time.Duration
	asks        int
	begun, over []time.Duration
	last        danger
}

// newHeapModel is a process that has had a GC, under limit1000.
func newHeapModel(t *testing.T, lines PressureLines) *heapModel {
	m := &heapModel{t: t, policy: newPressurePolicy(lines), obs: newObserver(), limits: limit1000, mayAsk: true, live: 50}
	m.gc()
	m.look()
	return m
}

func (m *heapModel) gc() { m.gcs++; m.marked, m.idle, m.garbage = m.live, m.idle+m.garbage, 0 }

func (m *heapModel) reading() *incident.Reading {
	r := incident.NewReading(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC).Add(m.now))
	amount := func(n float64) profile.Bytes { return profile.Bytes(n * mib) }
	r.Unreclaimable = amount(m.live + m.garbage + m.idle + m.nonGo)
	r.CgroupUsage = r.Unreclaimable + amount(m.cache)
	r.HeapAlloc, r.HeapLive, r.StackInuse = amount(m.live+m.garbage), amount(m.marked), 0
	r.HeapIdle, r.HeapReleased = amount(m.idle), 0
	if m.gogc > 0 {
		r.NextGC = amount(m.marked * (1 + m.gogc))
	}
	r.TotalAlloc, r.NumGC = amount(m.allocated), profile.Count(m.gcs)
	return &r
}

// look shows the policy a reading; a GC that it asks for ends before the next.
func (m *heapModel) look() {
	m.obs.observe(m.now, m.reading(), &m.limits, m.limits.Host/2, 0, true)
	move, d := m.policy.step(&m.obs.view, m.mayAsk)
	switch move {
	case pressureAsks:
		m.asks++
		m.gc()
	case pressureBegins:
		m.begun, m.last = append(m.begun, m.now), d
	case pressureEnds:
		m.over = append(m.over, m.now)
	}
}

// run lets time pass, with so much leaked, made as garbage, and taken outside of
// Go, in MiB a second, and looks every 10 ms, more seldom where little or
// nothing moves.
func (m *heapModel) run(d time.Duration, leak, waste, outside float64) {
	tick := 10 * time.Millisecond
	switch speed := leak + waste + outside; {
	case speed == 0:
		tick = time.Second
	case speed <= 1:
		tick = 100 * time.Millisecond
	}
	for end := m.now + d; m.now < end; {
		m.now += tick
		s := tick.Seconds()
		m.live, m.nonGo = m.live+leak*s, m.nonGo+outside*s
		m.garbage, m.allocated = m.garbage+waste*s, m.allocated+(leak+waste)*s
		m.idle = max(m.idle-(leak+waste)*s, 0)
		if m.gogc > 0 && m.live+m.garbage >= max(m.marked*(1+m.gogc), 4) {
			m.gc()
		}
		m.look()
		if used := m.live + m.garbage + m.idle + m.nonGo; used >= 1000 {
			return // killed
		}
	}
}

func (m *heapModel) used() float64 { return m.live + m.garbage + m.idle + m.nonGo }

func (m *heapModel) want(begun, over int) {
	m.t.Helper()
	if len(m.begun) != begun || len(m.over) != over {
		m.t.Errorf("at %v: pressure began at %v and was over at %v, want %d and %d times; decided: %s", m.now, m.begun, m.over, begun, over, m.policy.decision)
	}
}

func TestPressureByShare(t *testing.T) {
	m := newHeapModel(t, PressureLines{Time: -1})
	set := func(live float64, d time.Duration) {
		m.live = live
		m.gc()
		m.idle = 0
		m.run(d, 0, 0, 0)
	}
	set(840, time.Minute)
	m.want(0, 0)
	set(855, time.Second)
	m.want(1, 0)
	set(800, time.Hour) // between the lines
	m.want(1, 0)
	set(700, 25*time.Second)
	set(780, time.Second) // starts the time anew
	set(700, 29*time.Second)
	m.want(1, 0)
	set(700, 5*time.Second)
	m.want(1, 1)
	set(855, time.Second)
	m.want(2, 1)
}

// What is nearly full but does not grow has no deadline.
func TestPressureWithoutADeadline(t *testing.T) {
	m := newHeapModel(t, PressureLines{Share: 0.05})
	m.run(3*time.Second, 0, 0, 0)
	m.want(1, 0)
	p := m.policy.pressure(&m.obs.view, m.last, m.reading())
	if m.last.left >= 0 || !p.Deadline.IsZero() || p.TimeToLimit >= 0 {
		t.Errorf("%+v has a deadline", p)
	}
	if want := "50.0 MiB live, 5% of 1000.0 MiB"; p.Reason != want {
		t.Errorf("the reason is %q, want %q", p.Reason, want)
	}
}

// A leak of any speed is known of before memory is full, by its natural GC
// cycles and those that are asked for, and in time by the lines.
func TestPressureOfLeaks(t *testing.T) {
	for _, test := range []struct {
		name                 string
		leak, waste, outside float64
		gogc                 float64
		least                time.Duration // left at the beginning
	}{
		{"1 MiB/s", 1, 0, 0, 1, 100 * time.Second},
		{"10 MiB/s", 10, 0, 0, 1, 20 * time.Second},
		{"300 MiB/s", 300, 0, 0, 1, time.Second},
		{"1000 MiB/s", 1000, 0, 0, 1, 300 * time.Millisecond},
		{"300 MiB/s without a GC of its own", 300, 0, 0, 0, time.Second},
		{"100 MiB/s beside as much garbage", 100, 100, 0, 1, time.Second},
		{"30 MiB/s beside ten times as much garbage", 30, 300, 0, 1, time.Second},
		{"non-Go 10 MiB/s", 0, 0, 10, 0, 15 * time.Second},
		{"non-Go 300 MiB/s", 0, 0, 300, 0, time.Second},
		{"GOGC=400, 100 MiB/s", 100, 0, 0, 4, time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newHeapModel(t, PressureLines{})
			m.gogc = test.gogc
			m.run(time.Minute, 0, 0, 0)
			m.want(0, 0)
			m.run(time.Hour, test.leak, test.waste, test.outside)
			m.want(1, 0)
			if len(m.begun) == 0 {
				return
			}
			if left := m.now - m.begun[0]; left < test.least {
				t.Errorf("it began %v before the end, want %v", left, test.least)
			}
			if left := m.now - m.begun[0]; m.last.left < 0 || m.last.left > left*5/4 {
				t.Errorf("death was predicted in %v and came in %v", m.last.left, left)
			}
			t.Logf("began %v before the end, predicted %v, %d GCs asked for", m.now-m.begun[0], m.last.left, m.asks)
		})
	}
}

// Garbage and page cache never make an episode, and what the guard asks of the
// garbage collector is bounded.
func TestNoPressureOfGarbage(t *testing.T) {
	for _, test := range []struct {
		name        string
		live, waste float64
		gogc        float64
	}{
		{"at the goal, 90% of the limit", 450, 100, 1},
		{"at the goal, fast", 450, 1000, 1},
		{"nearly at the limit", 490, 30, 1},
		{"more garbage than lives", 180, 300, 4},
		{"little lives", 100, 500, 1},
		{"more than half lives", 600, 100, 0.5},
		{"more than half lives, slowly", 700, 10, 0.2},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newHeapModel(t, PressureLines{})
			m.gogc = test.gogc
			m.live = test.live // from one reading to the next, as a start may
			m.gc()
			m.idle = 0
			m.run(10*time.Second, 0, 0, 0)
			for range 8 {
				m.run(10*time.Second, 0, test.waste, 0)
				m.run(10*time.Second, 0, test.waste/3, 0)
			}
			m.want(0, 0)
			if m.asks > 25 {
				t.Errorf("%d GCs were asked for in 160 s, want one in ten seconds at most", m.asks)
			}
			t.Logf("%d GCs asked for, memory at %.0f MiB", m.asks, m.used())
		})
	}
	t.Run("page cache", func(t *testing.T) {
		m := newHeapModel(t, PressureLines{})
		for range 1000 {
			m.cache = min(m.cache+10, 940)
			m.run(time.Second, 0, 0, 0)
		}
		m.want(0, 0)
		if m.asks != 0 {
			t.Errorf("%d GCs were asked for", m.asks)
		}
	})
}

// A start that fills its caches fast is none, unless that is asked for.
func TestNoPressureOfAStart(t *testing.T) {
	for warmup, want := range map[time.Duration]int{0: 0, 2 * time.Second: 1, -1: 1} {
		m := newHeapModel(t, PressureLines{Warmup: warmup})
		m.gogc = 0.2
		m.run(3500*time.Millisecond, 200, 20, 0) // to 750 MiB
		m.run(10*time.Minute, 0, 0, 0)
		m.want(want, want)
	}
}

// Pressure whose leak ends is over after the hold time: with a GC that is asked
// for if none comes by itself.
func TestPressureIsOver(t *testing.T) {
	m := newHeapModel(t, PressureLines{Warmup: -1, Hold: 5 * time.Second})
	m.gogc = 1
	m.run(2500*time.Millisecond, 250, 0, 0)
	m.want(1, 0)
	m.live, m.garbage = 60, m.garbage+m.live-60 // all of it is let go
	m.run(time.Minute, 0, 0, 0)
	m.want(1, 1)
	if took := m.over[0] - m.begun[0]; took > 40*time.Second {
		t.Errorf("it was over after %v", took)
	}
}

func TestPressureAsksNobody(t *testing.T) {
	m := newHeapModel(t, PressureLines{Warmup: -1})
	m.mayAsk = false
	m.run(time.Minute, 20, 0, 0)
	m.want(0, 0)
	if m.asks != 0 || !strings.Contains(m.policy.decision, "next GC") {
		t.Errorf("%d GCs asked for; decided: %s", m.asks, m.policy.decision)
	}
	m.gc() // one that comes by itself
	m.look()
	m.want(1, 0)
}

func TestPressureOfWhatIsNotKnown(t *testing.T) {
	m := newHeapModel(t, PressureLines{Warmup: -1, Hold: time.Second})
	m.limits.Kill = profile.Unknown
	m.run(2*time.Second, 400, 0, 0)
	m.want(0, 0)
	m.limits = limit1000
	m.gc()
	m.run(2*time.Second, 0, 0, 0)
	m.want(1, 0)
	m.limits.Kill = profile.Unknown
	m.live = 10
	m.gc()
	m.run(time.Minute, 0, 0, 0)
	m.want(1, 0) // neither over
	m.limits = limit1000
	m.idle = 0
	m.run(time.Minute, 0, 0, 0)
	m.want(1, 1)
}

func TestPressureByShareOnly(t *testing.T) {
	m := newHeapModel(t, PressureLines{Time: -1})
	m.gogc = 1
	m.run(time.Hour, 10, 0, 0)
	m.want(1, 0)
	if at := m.begun[0].Seconds() * 10; at < 780 {
		t.Errorf("it began at %.0f MiB", at)
	}
}

// A GC that could not be forced is not waited for.
func TestPressureQuestionIsLost(t *testing.T) {
	m := newHeapModel(t, PressureLines{})
	m.live = 900
	m.obs.observe(m.now, m.reading(), &m.limits, 0, 0, true)
	if move, _ := m.policy.step(&m.obs.view, true); move != pressureAsks {
		t.Fatalf("move %v, want that it asks", move)
	}
	m.policy.lost(m.now)
	if move, _ := m.policy.step(&m.obs.view, true); move != pressureStays {
		t.Errorf("it asks again at once")
	}
	m.now += 2 * time.Second
	m.obs.observe(m.now, m.reading(), &m.limits, 0, 0, true)
	if move, _ := m.policy.step(&m.obs.view, true); move != pressureAsks {
		t.Errorf("it never asks again: %s", m.policy.decision)
	}
}

func TestPressureReason(t *testing.T) {
	m := newHeapModel(t, PressureLines{})
	m.gogc = 1
	m.run(time.Minute, 10, 0, 0)
	p := m.policy.pressure(&m.obs.view, danger{left: 12*time.Second + 345*time.Millisecond, rate: 10 * mib}, m.reading())
	want := fmt.Sprintf("%s live, %.0f%% of 1000.0 MiB, full in 12s at 10.0 MiB/s", p.Live, 100*p.Share)
	if p.Reason != want || p.Deadline != p.Began.Add(p.TimeToLimit) {
		t.Errorf("%+v, want the reason %q", p, want)
	}
	if got := (Pressure{}).String(); got != "no pressure" {
		t.Error(got)
	}
}
