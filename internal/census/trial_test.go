package census

import (
	"testing"
	"time"
)

func TestMinSpan(t *testing.T) {
	for grown, want := range map[uint32]time.Duration{
		1 << 31: 15 * time.Minute, 1000: 15 * time.Minute, 999: 50 * time.Minute, 30: 50 * time.Minute,
		29: 2 * time.Hour, 12: 2 * time.Hour, 11: 8 * time.Hour, 0: 8 * time.Hour,
	} {
		if got := minSpan(grown); got != want {
			t.Errorf("%d more: %v, want %v", grown, got, want)
		}
	}
}

func TestRising(t *testing.T) {
	even := trial{windows: 16, span: time.Hour, from: 100, to: 160, rises: 15, biggest: 5, early: 20, late: 20}
	for name, tt := range map[string]struct {
		change func(*trial)
		want   bool
	}{
		"even":                      {func(*trial) {}, true},
		"unchanged":                 {func(tr *trial) { tr.to = 100 }, false},
		"lower":                     {func(tr *trial) { tr.to = 10 }, false},
		"five steps":                {func(tr *trial) { tr.rises, tr.windows = 5, 8 }, false},
		"six steps in eight":        {func(tr *trial) { tr.rises, tr.windows = 6, 8 }, true},
		"half of an hour's":         {func(tr *trial) { tr.rises = 8 }, false},
		"half of three hours'":      {func(tr *trial) { tr.rises, tr.span = 8, 3*time.Hour }, true},
		"a third of three hours'":   {func(tr *trial) { tr.rises, tr.windows, tr.span = 6, 18, 3*time.Hour }, false},
		"one fall":                  {func(tr *trial) { tr.rises, tr.falls = 14, 1 }, true},
		"two falls":                 {func(tr *trial) { tr.rises, tr.falls = 13, 2 }, false},
		"carried by one jump":       {func(tr *trial) { tr.biggest = 31 }, false},
		"slower and slower":         {func(tr *trial) { tr.late = 14 }, false},
		"faster and faster":         {func(tr *trial) { tr.late = 41 }, false},
		"a quarter in the last bit": {func(tr *trial) { tr.late = 15 }, true},
	} {
		tr := even
		tt.change(&tr)
		if got := tr.rising(); got != tt.want {
			t.Errorf("%s: rising is %v", name, got)
		}
	}
}

func TestLong(t *testing.T) {
	even := trial{windows: 16, span: 16 * time.Hour, from: 100, to: 200, rises: 12, early: 15, late: 40}
	for name, tt := range map[string]struct {
		change func(*trial)
		want   bool
	}{
		"even":                 {func(*trial) {}, true},
		"shorter than a day's": {func(tr *trial) { tr.span-- }, false},
		"eleven of fifteen":    {func(tr *trial) { tr.rises = 11 }, false},
		"all of seven":         {func(tr *trial) { tr.rises, tr.windows = 7, 8 }, false},
		"after a quiet night":  {func(tr *trial) { tr.early = 14 }, false},
		"in the noise":         {func(tr *trial) { tr.from, tr.to, tr.early = 10_000, 10_399, 100 }, false},
		"beyond the noise":     {func(tr *trial) { tr.from, tr.to, tr.early = 10_000, 10_500, 100 }, true},
	} {
		tr := even
		tt.change(&tr)
		if got := tr.long(); got != tt.want {
			t.Errorf("%s: long is %v", name, got)
		}
	}
}

func TestSitesThatStayEmptyAreForgotten(t *testing.T) {
	w := NewWatch()
	group := []Group{{Key: Key{Wait: "select", Function: "f"}, Count: 1, Forever: true}}
	at := func(n int) time.Duration { return time.Duration(n) * time.Minute }
	w.Observe(at(0), group)
	for n := 1; n <= slots*width(1); n++ {
		w.Observe(at(n), nil)
	}
	if len(w.sites) != 1 || len(w.Sites()) != 0 {
		t.Errorf("follows %d sites, shows %d", len(w.sites), len(w.Sites()))
	}
	w.Observe(at(1000), nil)
	if len(w.sites) != 0 {
		t.Errorf("still follows %d sites", len(w.sites))
	}
}
